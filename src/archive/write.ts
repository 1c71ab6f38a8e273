import { z } from 'zod'
import { AppError } from '../errors.ts'
import { blockBytes, windowBytes } from './deflate.ts'
import type { Deflater } from './deflater.ts'
import type { ArchiveEntry } from './entry.ts'
import { type GzipAt, gzipParts } from './gzip-write.ts'
import { inOrder } from './in-order.ts'
import { tarBytes, tarSize } from './tar-write.ts'
import { ZipDirectory } from './zip-directory.ts'
import { zipAt, zipEntries } from './zip-entries.ts'
import type { Zstd } from './zstd-contract.ts'
import { zstdFrames } from './zstd-write.ts'

export const archiveFormats = ['zip', 'tar', 'tar.gz', 'tar.zst'] as const
export type ArchiveFormat = (typeof archiveFormats)[number]

export type ArchivePlan = {
  format: ArchiveFormat
  /** 0 stores, 9 tries hardest. */
  level: number
  entries: readonly ArchiveEntry[]
}

/** How far an archive is. Plain JSON; with it and the same plan it is gone on with, and comes out the same. */
export const archiveState = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('zip'), at: zipAt, directory: z.string() }),
  z.object({ kind: z.literal('tar'), doneBytes: z.number(), crc: z.number() }),
])
export type ArchiveState = z.infer<typeof archiveState>

export type ArchivePart = {
  pieces: readonly Buffer[]
  /** How far the archive is after it, in `planBytes`. */
  doneBytes: number
  /** The same, to go on from there; to be asked before the next part. */
  state: () => ArchiveState
  /** The pieces are not needed any more. */
  release: () => void
}

/** `zstd`: needed for tar.zst alone. */
export type ArchiveTools = { deflater: Deflater; zstd: Zstd | undefined }

/** How many bytes an archive is made of. */
export function planBytes({ format, entries }: ArchivePlan): number {
  return format === 'zip' ? sizeOf(entries) : tarSize(entries)
}

/** An archive, or what is missing of it, in parts to be written one after the other. */
export function archiveParts(
  plan: ArchivePlan,
  tools: ArchiveTools,
  from: ArchiveState | undefined,
): AsyncGenerator<ArchivePart> {
  if (plan.format === 'zip') return zipArchive(plan, tools, from?.kind === 'zip' ? from : undefined)
  const { doneBytes, crc } = from?.kind === 'tar' ? from : { doneBytes: 0, crc: 0 }
  switch (plan.format) {
    case 'tar':
      return tarArchive(plan, doneBytes)
    case 'tar.gz':
      return gzipArchive(plan, tools, { doneBytes, crc })
    case 'tar.zst':
      return zstdArchive(plan, tools, doneBytes)
  }
}

async function* zipArchive(
  { entries, level }: ArchivePlan,
  { deflater }: ArchiveTools,
  from: Extract<ArchiveState, { kind: 'zip' }> | undefined,
): AsyncGenerator<ArchivePart> {
  const directory = new ZipDirectory(from?.directory)
  const start = from?.at ?? { entry: 0 }
  let doneBytes = (start.open?.doneBytes ?? 0) + sizeOf(entries.slice(0, start.entry))
  const coming = zipEntries(entries, { level, deflater }, start)
  for await (const { pieces, at, sourceBytes, ended, release } of inOrder(coming, limits(deflater))) {
    doneBytes += sourceBytes
    if (ended) directory.add(ended)
    yield { pieces, doneBytes, release, state: () => ({ kind: 'zip', at, directory: directory.pack() }) }
  }
  const at = { entry: entries.length }
  const end: ArchiveState = { kind: 'zip', at, directory: directory.pack() }
  // Whoever goes on from there writes the directory again, so it is one part.
  const pieces: Buffer[] = []
  for await (const piece of directory.write(entries)) pieces.push(piece)
  yield { pieces, doneBytes, release: () => {}, state: () => end }
}

async function* tarArchive({ entries }: ArchivePlan, fromBytes: number): AsyncGenerator<ArchivePart> {
  let doneBytes = fromBytes
  for await (const piece of tarBytes(entries, fromBytes)) {
    doneBytes += piece.length
    yield { pieces: [piece], doneBytes, release: () => {}, state: () => ({ kind: 'tar', doneBytes, crc: 0 }) }
  }
}

async function* gzipArchive(
  { entries, level }: ArchivePlan,
  { deflater }: ArchiveTools,
  from: GzipAt,
): AsyncGenerator<ArchivePart> {
  const before = await tarWindow(entries, from.doneBytes)
  const coming = gzipParts({ from, before, rest: tarBytes(entries, from.doneBytes) }, { level, deflater })
  for await (const { pieces, at, release } of inOrder(coming, limits(deflater))) {
    yield { pieces, doneBytes: at.doneBytes, release, state: () => ({ kind: 'tar', ...at }) }
  }
}

async function* zstdArchive(
  { entries, level }: ArchivePlan,
  { zstd }: ArchiveTools,
  fromBytes: number,
): AsyncGenerator<ArchivePart> {
  if (zstd === undefined) throw new AppError('ARCHIVE_UNSUPPORTED', 'There is no zstd where this task runs.')
  let doneBytes = fromBytes
  const coming = zstdFrames(tarBytes(entries, fromBytes), { level, zstd })
  for await (const { frame, sourceBytes } of inOrder(coming, { most: 2, mostBytes: Number.POSITIVE_INFINITY })) {
    doneBytes += sourceBytes
    yield { pieces: [frame], doneBytes, release: () => {}, state: () => ({ kind: 'tar', doneBytes, crc: 0 }) }
  }
}

/** The bytes before a place in a tar file that a block from there on may refer to. */
async function tarWindow(entries: readonly ArchiveEntry[], placeBytes: number): Promise<Buffer> {
  const lengthBytes = Math.min(placeBytes, windowBytes)
  const pieces: Buffer[] = []
  let missingBytes = lengthBytes
  if (missingBytes === 0) return Buffer.alloc(0)
  for await (const piece of tarBytes(entries, placeBytes - lengthBytes)) {
    pieces.push(piece.subarray(0, missingBytes))
    missingBytes -= piece.length
    if (missingBytes <= 0) break
  }
  return Buffer.concat(pieces)
}

/** Many small entries may be read at the same time; of large blocks as many as the threads can use. */
function limits({ atOnce }: Deflater) {
  return { most: 32, mostBytes: 2 * blockBytes * Math.max(2, atOnce) }
}

function sizeOf(entries: readonly ArchiveEntry[]): number {
  return entries.reduce((sum, entry) => sum + entry.sizeBytes, 0)
}
