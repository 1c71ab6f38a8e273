import { setImmediate } from 'node:timers/promises'
import { openThreads } from '../threads.ts'
import { deflateBlock, type DeflateDone, type DeflateTask } from './deflate.ts'

/** Something that deflates blocks. */
export type Deflater = {
  /** How many blocks are worth handing over before the first has come back. */
  atOnce: number
  /** Deflates a block, whose memory may not be touched until it is done. The answer may be in other memory. */
  run: (task: DeflateTask) => Promise<DeflateDone>
}

export type DeflateThreads = Deflater & {
  /** Ends the threads. What they still had to do fails. */
  close: () => Promise<void>
}

/** Deflates on the thread that asks. Between two blocks the event loop goes round once. */
export function deflateOnThisThread(): Deflater {
  return {
    atOnce: 1,
    run: async (task) => {
      await setImmediate()
      return deflateBlock(task)
    },
  }
}

/** Threads that deflate for any number of archives at once. */
export function openDeflateThreads(count: number): DeflateThreads {
  const threads = openThreads<DeflateTask, DeflateDone>({
    script: 'archive/deflate-thread.js',
    name: 'archive',
    count,
  })
  return { atOnce: count * 2, run: (task) => threads.run(task, [task.memory]), close: threads.close }
}
