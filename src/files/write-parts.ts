import type { FinishedOutput } from '../db/outputs.ts'
import { AppError } from '../errors.ts'
import { Permanent, StopReason } from '../tasks/define-job.ts'
import { goesOnAfter } from './given-up.ts'
import type { OutputWriter } from './output-writer.ts'

/** A crash costs what was written since the last note; each note makes everything durable first. */
const noteEveryMs = 1000
/** Notes take at most a twentieth of the time. */
const restPerNote = 20

/** A part of an output. Its pieces are the writer's until it asks for the next part. */
export type OutputPart = {
  pieces: readonly Buffer[]
  /** What a later claim needs to go on after this part; undefined where it could not. Asked before the next part is. */
  note: (() => unknown) | undefined
  /** The pieces are not needed any more. */
  release?: (() => void) | undefined
}

/** Parts that nobody can go on from. */
export async function* wholeParts(pieces: AsyncIterable<Buffer>): AsyncGenerator<OutputPart> {
  for await (const piece of pieces) yield { pieces: [piece], note: undefined }
}

/**
 * Writes an output's parts and finishes it, noting about every second how far it is, and when it must stop. What nobody will
 * go on with is removed. With `expected`, the output must have that SHA-256 (SOURCE_DAMAGED).
 */
export async function writeParts(
  output: OutputWriter,
  parts: () => AsyncIterable<OutputPart> | Promise<AsyncIterable<OutputPart>>,
  { signal, expected }: { signal: AbortSignal; expected?: Buffer },
): Promise<FinishedOutput> {
  // What can be noted: undefined while a part is half written.
  let last: OutputPart | undefined
  let dueMs = performance.now() + noteEveryMs
  try {
    for await (const part of await parts()) {
      last = undefined
      for (const piece of part.pieces) await output.write(piece)
      part.release?.()
      last = part
      signal.throwIfAborted()
      const nowMs = performance.now()
      if (nowMs < dueMs || part.note === undefined) continue
      await output.save(part.note())
      const doneMs = performance.now()
      dueMs = doneMs + Math.max(noteEveryMs, (doneMs - nowMs) * restPerNote)
    }
    return await output.finish(expected)
  } catch (error) {
    await leave(output, last?.note, error, signal)
    throw error
  }
}

async function leave(
  output: OutputWriter,
  note: (() => unknown) | undefined,
  error: unknown,
  { reason }: AbortSignal,
): Promise<void> {
  const stop = reason instanceof StopReason ? reason : error instanceof StopReason ? error : undefined
  // Another claim may be reading what this one wrote.
  if (stop?.why === 'lost') return output.close().catch(() => {})
  const willGoOn = stop ? goesOnAfter(stop) : canBeTriedAgain(error)
  // The error that led here is the one to tell; without this note the next claim goes on from the one before.
  if (willGoOn && note) await output.save(note()).catch(() => {})
  if (willGoOn && output.isSaved) return output.close().catch(() => {})
  return output.abandon()
}

function canBeTriedAgain(error: unknown): boolean {
  if (error instanceof Permanent) return false
  // On a full disk the room is worth more than the work.
  return !(error instanceof AppError) || (error.status >= 500 && error.code !== 'STORAGE_FULL')
}
