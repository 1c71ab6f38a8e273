import { setImmediate } from 'node:timers/promises'
import { openThreads } from '../threads.ts'
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

/** Threads that encrypt and decrypt for any number of files at once. */
export function openCryptThreads(count: number): CryptThreads {
  const threads = openThreads<Task, Done>({ script: 'age/crypt-thread.js', name: 'age', count })
  return { atOnce: count * 2, run: (task) => threads.run(task, [task.bytes]), close: threads.close }
}
