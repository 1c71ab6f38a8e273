import type { ArchivePart, ArchiveState } from '../archive/write.ts'
import type { FinishedOutput } from '../db/outputs.ts'
import { AppError } from '../errors.ts'
import { Permanent, StopReason } from '../tasks/define-job.ts'
import type { OutputWriter } from './output-writer.ts'

/** A crash costs what was written since the last note; each note makes everything durable first. */
const noteEveryMs = 2000
/** Notes take at most a twentieth of the time. */
const restPerNote = 20

type Options = {
  signal: AbortSignal
  onPart: (doneBytes: number) => void
  /** Notes how far the archive is, together with the bytes that were written. */
  note: (state: ArchiveState) => Promise<void>
}

/**
 * Writes an archive's parts and finishes it, noting from time to time how far it is, and when it must stop. An archive that
 * nobody will go on with is removed.
 */
export async function writeArchive(
  output: OutputWriter,
  parts: AsyncGenerator<ArchivePart>,
  options: Options,
): Promise<FinishedOutput> {
  // What can be noted: undefined while a part is half written.
  let last: ArchivePart | undefined
  let dueMs = performance.now() + noteEveryMs
  try {
    for await (const part of parts) {
      last = undefined
      for (const piece of part.pieces) await output.write(piece)
      part.release()
      last = part
      options.onPart(part.doneBytes)
      options.signal.throwIfAborted()
      const nowMs = performance.now()
      if (nowMs < dueMs) continue
      await options.note(part.state())
      const doneMs = performance.now()
      dueMs = doneMs + Math.max(noteEveryMs, (doneMs - nowMs) * restPerNote)
    }
    return await output.finish()
  } catch (error) {
    await leave(output, last, error, options)
    throw error
  }
}

async function leave(
  output: OutputWriter,
  last: ArchivePart | undefined,
  error: unknown,
  { signal, note }: Options,
): Promise<void> {
  const why = signal.reason instanceof StopReason ? signal.reason.why : undefined
  // Another claim may be reading what this one wrote.
  if (why === 'lost') return output.close().catch(() => {})
  if (last === undefined || !(why === undefined ? canBeTriedAgain(error) : why === 'paused' || why === 'shutdown')) {
    return output.abandon()
  }
  // The error that led here is the one to tell; without the note the archive is made from the one before.
  await note(last.state()).catch(() => {})
  await output.close().catch(() => {})
}

function canBeTriedAgain(error: unknown): boolean {
  if (error instanceof Permanent) return false
  // On a full disk the room is worth more than the work.
  return !(error instanceof AppError) || (error.status >= 500 && error.code !== 'STORAGE_FULL')
}
