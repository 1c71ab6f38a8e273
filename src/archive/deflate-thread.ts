import { parentPort } from 'node:worker_threads'
import { deflateBlock, type DeflateTask } from './deflate.ts'

// What a thread of ./deflater.ts runs. The memory of a block comes with its task and goes back with the answer.
parentPort?.on('message', (task: DeflateTask) => {
  const done = deflateBlock(task)
  const memory = [done.memory, ...(done.deflated ? [done.deflated] : [])].map(({ buffer }) => buffer)
  parentPort?.postMessage(
    done,
    memory.filter((buffer) => buffer instanceof ArrayBuffer),
  )
})
