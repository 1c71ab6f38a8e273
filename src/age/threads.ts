import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { packageRoot } from '../package-root.ts'
import { type Done, type Task, work } from './chunks.ts'

/** Something that works on batches. */
export type Workforce = {
  /** How many batches are worth handing over before the first has come back. */
  atOnce: number
  /** Works on a batch, whose bytes may not be touched until it is done. The answer may be in other memory. */
  run: (task: Task) => Promise<Done>
}

export type CryptThreads = Workforce & {
  /** Ends the threads. What they still had to do fails. */
  close: () => Promise<void>
}

type Waiting = { resolve: (done: Done) => void; reject: (error: Error) => void }
type Thread = { worker: Worker; waiting: Waiting[] }

/** Works on the thread that asks. Between two batches (1 MiB, about 0.8 ms) the event loop goes round once. */
export function onThisThread(): Workforce {
  return {
    atOnce: 1,
    run: async (task) => {
      await setImmediate()
      return work(task)
    },
  }
}

/**
 * Threads that encrypt and decrypt for any number of files at once. They start when they are first needed and do not
 * keep the process alive; one that dies fails what it had to do and is replaced.
 */
export function openCryptThreads(count: number): CryptThreads {
  const threads = new Set<Thread>()
  let closed = false
  return {
    atOnce: count * 2,
    run: async (task) => {
      if (closed) throw new Error('the threads were closed')
      const thread = threads.size < count ? startThread(threads) : leastBusy(threads)
      return hand(thread, task)
    },
    close: async () => {
      closed = true
      await Promise.all([...threads].map(({ worker }) => worker.terminate()))
    },
  }
}

/** A thread needs plain JavaScript, so it runs the build's file also where this is run from the sources. */
function startThread(threads: Set<Thread>): Thread {
  const worker = new Worker(join(packageRoot(), 'dist', 'src', 'age', 'crypt-thread.js'), { name: 'age' })
  worker.unref()
  const thread: Thread = { worker, waiting: [] }
  threads.add(thread)
  const fail = (error: Error): void => {
    threads.delete(thread)
    for (const { reject } of thread.waiting.splice(0)) reject(error)
  }
  // A thread answers in the order in which it was asked.
  worker.on('message', (done: Done) => {
    thread.waiting.shift()?.resolve(done)
    if (thread.waiting.length === 0) worker.unref()
  })
  worker.on('error', fail)
  worker.on('exit', () => fail(new Error('a thread that encrypts or decrypts has ended')))
  return thread
}

function leastBusy(threads: ReadonlySet<Thread>): Thread {
  const [first, ...others] = threads
  if (first === undefined) throw new Error('there are no threads')
  return others.reduce((best, other) => (other.waiting.length < best.waiting.length ? other : best), first)
}

function hand({ worker, waiting }: Thread, task: Task): Promise<Done> {
  return new Promise((resolve, reject) => {
    waiting.push({ resolve, reject })
    worker.ref()
    worker.postMessage(task, [ownedMemory(task.bytes)])
  })
}

function ownedMemory({ buffer }: Uint8Array): ArrayBuffer {
  if (buffer instanceof ArrayBuffer) return buffer
  throw new TypeError('a batch must have memory of its own')
}
