import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { packageRoot } from './package-root.ts'

export type Threads<Task, Done> = {
  /** Hands a task over together with this memory, which may not be touched until it comes back, if it does. */
  run: (task: Task, memory: readonly Uint8Array[]) => Promise<Done>
  /** Ends the threads. What they still had to do fails. */
  close: () => Promise<void>
}

export type ThreadPlan = {
  /** What a thread runs: a file below dist/src that answers every message with one. */
  script: string
  name: string
  count: number
}

type Waiting<Done> = { resolve: (done: Done) => void; reject: (error: Error) => void }
type Thread<Done> = { worker: Worker; waiting: Waiting<Done>[] }

/**
 * Threads for work that would hold the event loop up. They start when they are first needed and do not keep the process
 * alive; one that dies fails what it had to do and is replaced.
 */
export function openThreads<Task, Done>(plan: ThreadPlan): Threads<Task, Done> {
  const threads = new Set<Thread<Done>>()
  let closed = false
  return {
    run: async (task, memory) => {
      if (closed) throw new Error('the threads were closed')
      const thread = threads.size < plan.count ? startThread(plan, threads) : leastBusy(threads)
      return hand(thread, task, memory)
    },
    close: async () => {
      closed = true
      await Promise.all([...threads].map(({ worker }) => worker.terminate()))
    },
  }
}

/** A thread needs plain JavaScript, so it runs the build's file also where this is run from the sources. */
function startThread<Done>({ script, name }: ThreadPlan, threads: Set<Thread<Done>>): Thread<Done> {
  const worker = new Worker(join(packageRoot(), 'dist', 'src', script), { name })
  worker.unref()
  const thread: Thread<Done> = { worker, waiting: [] }
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
  worker.on('exit', () => fail(new Error(`a thread for ${name} has ended`)))
  return thread
}

function leastBusy<Done>(threads: ReadonlySet<Thread<Done>>): Thread<Done> {
  const [first, ...others] = threads
  if (first === undefined) throw new Error('there are no threads')
  return others.reduce((best, other) => (other.waiting.length < best.waiting.length ? other : best), first)
}

function hand<Done>({ worker, waiting }: Thread<Done>, task: unknown, memory: readonly Uint8Array[]): Promise<Done> {
  return new Promise((resolve, reject) => {
    waiting.push({ resolve, reject })
    worker.ref()
    worker.postMessage(task, memory.map(ownedMemory))
  })
}

function ownedMemory({ buffer }: Uint8Array): ArrayBuffer {
  if (buffer instanceof ArrayBuffer) return buffer
  throw new TypeError('what is handed to a thread must have memory of its own')
}

/**
 * Memory that goes to threads and comes back. A page that a process has not used yet is dear, so what is given back is
 * handed out again. Never from Node's pool of small buffers: it goes from thread to thread.
 */
export class ThreadMemory {
  readonly #sizeBytes: number
  readonly #free: Buffer[] = []

  constructor(sizeBytes: number) {
    this.#sizeBytes = sizeBytes
  }

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.#sizeBytes)
  }

  giveBack({ buffer }: Uint8Array): void {
    this.#free.push(Buffer.from(buffer))
  }
}
