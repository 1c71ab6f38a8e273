// Loaded into a process with `node --import`: measures the event loop's delay, and answers its 99th percentile in ms and
// begins anew whenever it is asked over the channel.
import { monitorEventLoopDelay } from 'node:perf_hooks'

const delay = monitorEventLoopDelay({ resolution: 1 })
delay.enable()
process.on('message', (message) => {
  if (message !== 'loop delay') return
  process.send?.({ loopDelayMs: delay.percentile(99) / 1e6 })
  delay.reset()
})
process.channel?.unref()
