import { open, writeFile } from 'node:fs/promises'
import { systemCode } from '../errors.ts'
import type { Log } from '../log.ts'
import type { ChunkSlot, SinkKey } from './contract.ts'
import { onMedium } from './failure.ts'
import { fileMode } from './local-disk.ts'
import type { LocalLayout } from './local-layout.ts'

const strideBytes = 32 * 1024 * 1024

/**
 * Flushes a file's bytes to the disk. A kernel reports a failed write-back once, to whoever asks first; after that the
 * pages count as clean, and a later flush of the same file succeeds although its bytes never reached the disk. So the
 * failure is kept as a file at `markPath`, and whoever finishes that upload goes by a verified copy.
 */
export async function flushFile(path: string, markPath: string): Promise<void> {
  const handle = await onMedium(() => open(path, 'r+'))
  try {
    await onMedium(() => handle.datasync())
  } catch (error) {
    await writeFile(markPath, '', { mode: fileMode })
    throw error
  } finally {
    await handle.close()
  }
}

/**
 * Flushes uploads while they run, so that finishing one has little left to flush. One flush at a time in the whole
 * process: each holds a thread of the pool that the writes need as well. Requests for a file that waits already are one.
 */
export class BackgroundFlush {
  readonly #log: Log
  readonly #waiting = new Map<string, string>()
  #isRunning = false

  constructor(log: Log) {
    this.#log = log
  }

  /** To be called after a chunk was written. Returns at once; every chunk that crosses a 32 MiB line starts a flush. */
  chunkWritten(layout: LocalLayout, sink: SinkKey, slot: ChunkSlot): void {
    const endBytes = slot.offsetBytes + slot.sizeBytes
    if (Math.floor(slot.offsetBytes / strideBytes) === Math.floor(endBytes / strideBytes)) return
    this.#waiting.set(layout.sink(sink), layout.unflushedMark(sink))
    if (!this.#isRunning) void this.#run()
  }

  async #run(): Promise<void> {
    this.#isRunning = true
    for (const [path, markPath] of this.#waiting) {
      this.#waiting.delete(path)
      try {
        await flushFile(path, markPath)
      } catch (error) {
        if (!isGone(error))
          this.#log.warn({ err: error, path }, 'flushing an upload failed; it will be finished by a copy')
      }
    }
    this.#isRunning = false
  }
}

/** The upload was sealed or removed while it waited. */
function isGone(error: unknown): boolean {
  return error instanceof Error && systemCode(error.cause) === 'ENOENT'
}
