import { createHash, type Hash } from 'node:crypto'
import type { FinishedOutput } from '../db/outputs.ts'
import type { OutputJudge } from './output-gate.ts'
import { Permanent } from '../tasks/define-job.ts'
import type { ObjectCheckpoint, ObjectName, ObjectWriter, Storage } from '../storage/contract.ts'

/** A worker waits so long for what it gives up to be removed. */
const removedWithinMs = 2000

export type Made = Pick<FinishedOutput, 'key' | 'sizeBytes' | 'sha256'>

/** Where an output goes, and who is told when it is finished. */
export type OutputTarget = {
  storage: Storage
  name: ObjectName
  /** Has a say in what is written; undefined where that was asked before. */
  judge: OutputJudge | undefined
  /** Fires when the output will never be wanted. */
  givenUp?: AbortSignal | undefined
  onSaved: (checkpoint: ObjectCheckpoint, note: unknown) => Promise<void>
  onFinished: (made: Made) => Promise<FinishedOutput>
}

type Sum = { sha256: Hash; sizeBytes: number }

/** Begins an output. */
export async function beginOutput(target: OutputTarget): Promise<OutputWriter> {
  return new OutputWriter(target, await target.storage.createObject(target.name, target.givenUp), {
    sum: newSum(),
    isSaved: false,
  })
}

/** Goes on from a checkpoint, reading what is there already for its sum. Undefined when that is gone. */
export async function resumeOutput(
  target: OutputTarget,
  checkpoint: ObjectCheckpoint,
  signal: AbortSignal,
): Promise<OutputWriter | undefined> {
  const sum = newSum()
  const onPiece = (piece: Buffer): void => {
    add(sum, piece)
    target.judge?.remember(piece)
  }
  const { givenUp } = target
  const object = await target.storage.continueObject(target.name, checkpoint, { onPiece, signal, givenUp })
  return object && new OutputWriter(target, object, { sum, isSaved: true })
}

/** One output while it is written: sums it up on the way. One call at a time. */
export class OutputWriter {
  readonly #target: OutputTarget
  readonly #object: ObjectWriter
  readonly #sum: Sum
  #isSaved: boolean

  constructor(target: OutputTarget, object: ObjectWriter, { sum, isSaved }: { sum: Sum; isSaved: boolean }) {
    this.#target = target
    this.#object = object
    this.#sum = sum
    this.#isSaved = isSaved
  }

  /** A later claim has something to go on from, whatever becomes of this one. */
  get isSaved(): boolean {
    return this.#isSaved
  }

  get sizeBytes(): number {
    return this.#sum.sizeBytes
  }

  /** Appends. Resolves when the piece may be used for something else. Throws Permanent when the pool takes no such thing. */
  async write(piece: Buffer): Promise<void> {
    const { judge } = this.#target
    if (judge) await judge.take(piece, this.#sum.sizeBytes + piece.length)
    const writing = this.#object.write(piece)
    add(this.#sum, piece)
    await writing
  }

  /** Makes what was written durable, and notes that a later claim can go on from here with `note`, which is plain JSON. */
  async save(note: unknown): Promise<void> {
    await this.#target.onSaved(await this.#object.checkpoint(), note)
    this.#isSaved = true
  }

  /**
   * Makes the output durable. It becomes a file when it is committed. With `expected`, throws Permanent SOURCE_DAMAGED
   * when the bytes have another SHA-256, and what the pool has against them, and publishes nothing.
   */
  async finish(expected?: Buffer): Promise<FinishedOutput> {
    const sha256 = this.#sum.sha256.digest()
    if (expected && !sha256.equals(expected)) {
      throw new Permanent('SOURCE_DAMAGED', 'A stored file does not have the SHA-256 that was recorded for it.')
    }
    await this.#target.judge?.finish()
    const { key } = await this.#object.publish()
    return this.#target.onFinished({ key, sizeBytes: this.#sum.sizeBytes, sha256 })
  }

  /** Stops writing and keeps what was saved. */
  close(): Promise<void> {
    return this.#object.close()
  }

  /** Stops writing and removes the bytes. Never throws, and does not wait for a pool for long: what is left over is swept. */
  async abandon(): Promise<void> {
    const remove = async (): Promise<void> => {
      await this.#object.close()
      await this.#target.storage.discardObject(this.#target.name)
    }
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, removedWithinMs)
    })
    // The error that led here is the one to tell.
    await Promise.race([remove().catch(() => {}), late])
    clearTimeout(timer)
  }
}

function newSum(): Sum {
  return { sha256: createHash('sha256'), sizeBytes: 0 }
}

function add(sum: Sum, piece: Buffer): void {
  sum.sha256.update(piece)
  sum.sizeBytes += piece.length
}
