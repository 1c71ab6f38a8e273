import { type NodeProcess, startNodeProcess, type NodeProcessOptions } from '../stack/node-process.ts'
import { until } from './wait.ts'

/** A process of ours that is killed and started again, as its supervisor would. */
export type Server = {
  name: string
  /** Where it listens now, after a restart elsewhere than before. */
  url: () => string
  pid: () => number
  /** SIGKILL; resolves when it is gone. */
  kill9: () => Promise<void>
  start: () => Promise<void>
  /** Ends it in order, after 12 s by force. */
  stop: () => Promise<void>
}

const stopWithinMs = 12_000
const startWithinMs = 60_000

type ServerOptions = NodeProcessOptions & {
  name: string
  signal: AbortSignal
  /** Told when it ended though nobody ended it. */
  onOwnEnd: (how: string) => void
}

/** Starts one, and tries again when it cannot start because what it needs is away. Throws ChaosError after a minute. */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { name, signal } = options
  let running: NodeProcess | undefined
  const start = async (): Promise<void> => {
    let complaint = ''
    running = await until(
      () =>
        startNodeProcess(options).catch((error: unknown) => {
          complaint = error instanceof Error ? error.message : String(error)
          return undefined
        }),
      { everyMs: 200, withinMs: startWithinMs, signal, missing: () => `${name} did not start: ${complaint}` },
    )
    watch(running)
  }
  const watch = (one: NodeProcess): void => {
    void one.exited.then((how) => {
      if (running !== one) return
      running = undefined
      options.onOwnEnd(`${name} ended by itself: ${how}`)
    })
  }
  const take = (): NodeProcess | undefined => {
    const one = running
    running = undefined
    return one
  }
  await start()
  return {
    name,
    url: () => running?.url ?? '',
    pid: () => running?.pid ?? 0,
    kill9: async () => {
      const one = take()
      one?.kill('SIGKILL')
      await one?.exited
    },
    start,
    stop: async () => {
      const one = take()
      one?.kill('SIGTERM')
      const timer = setTimeout(() => one?.kill('SIGKILL'), stopWithinMs)
      await one?.exited
      clearTimeout(timer)
    },
  }
}
