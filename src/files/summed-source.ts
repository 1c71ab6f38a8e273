import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { FileRow } from '../db/files.ts'
import { type JobContext, Permanent } from '../tasks/define-job.ts'
import type { OutputDeps } from './outputs.ts'
import { readSource } from './sources.ts'

/** What was read of a source: so many bytes with this SHA-256. */
export const sourceMark = z.object({ readBytes: z.int(), sha256: z.string() })
export type SourceMark = z.infer<typeof sourceMark>

/**
 * A stored file that is read once, from its beginning, and summed up on the way. When all was read it must have the SHA-256
 * that was recorded for it, and so much of it as an earlier claim read must have been the same then; else Permanent
 * SOURCE_DAMAGED is thrown.
 */
export class SummedSource {
  readonly #deps: OutputDeps
  readonly #file: FileRow
  readonly #context: Pick<JobContext, 'signal'>
  readonly #earlier: SourceMark | undefined
  readonly #sha256 = createHash('sha256')
  #readBytes = 0

  constructor(deps: OutputDeps, file: FileRow, context: Pick<JobContext, 'signal'>, earlier: SourceMark | undefined) {
    this.#deps = deps
    this.#file = file
    this.#context = context
    this.#earlier = earlier
  }

  /** The bytes; `onRead` is told of every piece. */
  async *read(onRead: (countBytes: number) => void): AsyncGenerator<Buffer> {
    const whole = { startBytes: 0, lengthBytes: this.#file.sizeBytes }
    for await (const piece of readSource(this.#deps, this.#file, whole, this.#context.signal)) {
      this.#add(piece)
      onRead(piece.length)
      yield piece
    }
    if (this.mark().sha256 !== this.#file.sha256.toString('hex')) throw this.#damaged()
  }

  /** What was read up to now. */
  mark(): SourceMark {
    return { readBytes: this.#readBytes, sha256: this.#sha256.copy().digest('hex') }
  }

  #add(piece: Buffer): void {
    const { readBytes, sha256 } = this.#earlier ?? { readBytes: 0, sha256: '' }
    const restBytes = readBytes - this.#readBytes
    const isPassed = restBytes > 0 && restBytes <= piece.length
    const beforeBytes = isPassed ? restBytes : 0
    this.#sha256.update(piece.subarray(0, beforeBytes))
    if (isPassed && this.#sha256.copy().digest('hex') !== sha256) throw this.#damaged()
    this.#sha256.update(piece.subarray(beforeBytes))
    this.#readBytes += piece.length
  }

  #damaged(): Permanent {
    const { name } = this.#file
    return new Permanent('SOURCE_DAMAGED', `${name} does not have the SHA-256 that was recorded for it.`)
  }
}
