import { parentPort } from 'node:worker_threads'
import { type Task, work } from './chunks.ts'

// What a thread of ./threads.ts runs. The memory of a batch comes with its task and goes back with the answer.
parentPort?.on('message', (task: Task) => {
  const done = work(task)
  parentPort?.postMessage(done, done.bytes.buffer instanceof ArrayBuffer ? [done.bytes.buffer] : [])
})
