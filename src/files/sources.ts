import { z } from 'zod'
import type { Query, Sql } from '../db/connect.ts'
import { type FileRow, findFile, findFiles } from '../db/files.ts'
import type { FinishedOutput } from '../db/outputs.ts'
import type { ByteRange } from '../storage/contract.ts'
import { type JobContext, Permanent } from '../tasks/define-job.ts'
import type { OutputDeps, OutputPlan, StoredObject, TaskOutputs } from './outputs.ts'
import { type OutputPart, writeParts } from './write-parts.ts'

/** An account's files in the order of the ids. Throws Permanent SOURCE_MISSING, naming the first that is not there. */
export async function findSources(
  sql: Sql,
  { accountId, fileIds }: { accountId: string; fileIds: readonly string[] },
): Promise<FileRow[]> {
  const rows = new Map((await findFiles(sql, { accountId, ids: fileIds })).map((row) => [row.id, row]))
  return fileIds.map((id) => rows.get(id.toLowerCase()) ?? missing(id))
}

function missing(fileId: string): never {
  throw new Permanent('SOURCE_MISSING', `There is no file ${fileId} (any more).`)
}

/**
 * The bytes of a range of a file, in pieces. Looks again for a file that was moved since its row was read. Throws Permanent
 * SOURCE_MISSING when it was deleted and its bytes are gone, the signal's reason, or a storage failure.
 */
export async function* readSource(
  { sql, pools }: OutputDeps,
  file: FileRow,
  range: ByteRange,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  signal.throwIfAborted()
  const stream = (await open(pools, file, range)) ?? (await open(pools, await movedTo(sql, file), range))
  if (!stream) missing(file.id)
  const onAbort = (): void => void stream.destroy(reasonOf(signal))
  signal.addEventListener('abort', onAbort)
  try {
    for await (const piece of stream) {
      if (!Buffer.isBuffer(piece)) throw new TypeError('a stored object is read as bytes')
      yield piece
    }
  } finally {
    signal.removeEventListener('abort', onAbort)
    stream.destroy()
  }
}

/** The same bytes; `onRead` is told of every piece. */
export async function* counted(
  pieces: AsyncIterable<Buffer>,
  onRead: (countBytes: number) => void,
): AsyncGenerator<Buffer> {
  for await (const piece of pieces) {
    onRead(piece.length)
    yield piece
  }
}

async function open(pools: OutputDeps['pools'], file: StoredObject | undefined, range: ByteRange) {
  if (!file) return undefined
  return (await pools.open(file.poolId)).read(file.objectKey, range)
}

/** Where the same bytes lie now. */
async function movedTo(sql: Sql, file: FileRow): Promise<FileRow | undefined> {
  const now = await findFile(sql, file)
  return now?.sha256.equals(file.sha256) && now.objectKey !== file.objectKey ? now : undefined
}

function reasonOf(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error('aborted')
}

/** An archive may have tens of thousands of sources; all their rows once more would take tens of megabytes. */
const checkedAtOnce = 1000

/** Where a copy is to be gone on from is its size, which its pool knows. */
const copyNote = z.object({})

/** A copy of a file's bytes in another pool. */
export function copyPlan({ objectId, contentType, sizeBytes }: FileRow, poolId: string): OutputPlan {
  return { slot: objectId, poolId, contentType, sizeBytes }
}

type CopyOptions = Pick<JobContext, 'signal'> & {
  /** Is told of bytes of the copy that are there, whoever made them. */
  onBytes?: (countBytes: number) => void
  /** Resolves when as many bytes may be copied. */
  throttle?: (countBytes: number) => Promise<void>
}

/**
 * Makes an output with the bytes of a stored file in another pool: inside the stores where they can, else by reading and
 * writing, from where an earlier claim left it; then the sum of the copy must be the file's. Throws Permanent SOURCE_DAMAGED,
 * and leaves nothing.
 */
export async function copySource(
  deps: OutputDeps,
  outputs: TaskOutputs,
  { plan, file }: { plan: OutputPlan; file: FileRow },
  { signal, onBytes = () => {}, throttle = async () => {} }: CopyOptions,
): Promise<FinishedOutput> {
  const resumed = await outputs.resume(plan, copyNote)
  const source = (await deps.pools.open(file.poolId)).source(file.objectKey, file.sizeBytes)
  const cloned = resumed ? undefined : await outputs.clone(plan, file, source)
  if (cloned) {
    onBytes(file.sizeBytes)
    await throttle(file.sizeBytes)
    return cloned
  }
  const output = resumed?.output ?? (await outputs.begin(plan))
  const startBytes = output.sizeBytes
  onBytes(startBytes)
  const rest = readSource(deps, file, { startBytes, lengthBytes: file.sizeBytes - startBytes }, signal)
  const parts = async function* (): AsyncGenerator<OutputPart> {
    for await (const piece of rest) {
      yield { pieces: [piece], note: () => ({}) }
      onBytes(piece.length)
      await throttle(piece.length)
    }
  }
  return writeParts(output, parts, { signal, expected: file.sha256 })
}

/**
 * Throws Permanent SOURCE_MISSING or SOURCE_CHANGED, naming it, when one of the files was deleted, or has other bytes, since
 * its row was read.
 */
export async function requireUnchanged(query: Query, files: readonly FileRow[]): Promise<void> {
  for (let at = 0; at < files.length; at += checkedAtOnce) {
    const some = files.slice(at, at + checkedAtOnce)
    const accountId = some[0]?.accountId ?? ''
    const rows = await findFiles(query, { accountId, ids: some.map((file) => file.id) })
    const now = new Map(rows.map((row) => [row.id, row]))
    for (const file of some) {
      const found = now.get(file.id) ?? missing(file.id)
      if (found.sha256.equals(file.sha256)) continue
      throw new Permanent('SOURCE_CHANGED', `File ${file.id} was replaced by somebody else while the task ran.`)
    }
  }
}
