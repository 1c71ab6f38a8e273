import { AppError } from '../errors.ts'
import { Front } from '../front.ts'
import { gunzip } from './inflate.ts'
import { segmentsOf } from './paths.ts'
import { damaged, refuseUnsafe, unsupported } from './refuse.ts'
import { type ArchiveSource, readPiece } from './source.ts'
import { isTarHeader } from './tar-fields.ts'
import { readTar, type TarFile } from './tar-read.ts'
import { UnpackMeter, type UnpackLimits } from './unpack-meter.ts'
import { readZipDirectory } from './zip-read.ts'
import { unpackZipEntry } from './zip-unpack.ts'
import type { Zstd } from './zstd-contract.ts'
import { unzstd } from './zstd-read.ts'

/** A file that can be unpacked at any time. */
export type PackedFile = { path: string; sizeBytes: number; bytes: () => AsyncGenerator<Buffer> }

export type Unpacking =
  /** Files that can be unpacked in any order, several at once. */
  | { kind: 'any order'; files: PackedFile[] }
  /** Files that come one after the other: the bytes of each are there until the next one is asked for. */
  | { kind: 'in order'; files: AsyncGenerator<TarFile> }

export type UnpackTools = { limits: UnpackLimits; zstd: Zstd | undefined }

const headBytes = 512

/**
 * Opens an archive by its first bytes, whatever it is called: zip, tar, either of gzip and zstd with a tar in it, or with
 * one file, which is called as the archive without its ending. What only its last bytes call an archive is none. `name`: of
 * the archive. Throws ARCHIVE_UNKNOWN or ARCHIVE_ENCRYPTED; this and what it answers throw the other ARCHIVE_ codes.
 */
export async function openArchive(name: string, source: ArchiveSource, tools: UnpackTools): Promise<Unpacking> {
  const meter = new UnpackMeter(tools.limits, source.sizeBytes)
  const head = await readPiece(source, { startBytes: 0, lengthBytes: Math.min(headBytes, source.sizeBytes) })
  const start = head.toString('latin1', 0, 20)
  if (start.startsWith('PK\x03\x04') || start.startsWith('PK\x05\x06')) return openZip(source, meter)
  if (start.startsWith('\x1f\x8b\x08')) return openStream(name, gunzipWhole(source), meter)
  if (start.startsWith('\x28\xb5\x2f\xfd')) return openStream(name, unzstd(all(source), zstdOf(tools)), meter)
  if (isTarHeader(head) || isEmptyTar(name, head)) return inOrder(readTar(all(source), meter))
  if (/^(age-encryption\.org\/|-----BEGIN AGE )/.test(start)) {
    throw new AppError('ARCHIVE_ENCRYPTED', 'This is an age file: decrypt it with FileDecrypt first.')
  }
  throw new AppError('ARCHIVE_UNKNOWN', 'This is no archive: neither zip, tar, gzip nor zstd.')
}

async function openZip(source: ArchiveSource, meter: UnpackMeter): Promise<Unpacking> {
  const entries = await readZipDirectory(source, meter)
  const files = entries.map((entry) => ({
    path: entry.path,
    sizeBytes: entry.sizeBytes,
    bytes: () => unpackZipEntry(source, entry),
  }))
  return { kind: 'any order', files }
}

/** What is inside a compressed stream: a tar file, or a file of its own. */
async function openStream(name: string, bytes: AsyncGenerator<Buffer>, meter: UnpackMeter): Promise<Unpacking> {
  const front = new Front(bytes)
  const inner = name.replace(/\.(gz|zst)$/i, '').replace(/\.(tgz|tzst)$/i, '.tar') || name
  try {
    const head = await front.peek(headBytes)
    if (isTarHeader(head) || isEmptyTar(inner, head)) return inOrder(readTar(front.rest(), meter))
  } catch (error) {
    await front.close()
    throw error
  }
  return inOrder(single(segmentsOf(inner).at(-1) ?? 'file', front, meter))
}

async function* single(path: string, front: Front, meter: UnpackMeter): AsyncGenerator<TarFile> {
  refuseUnsafe(path)
  const counted = async function* (): AsyncGenerator<Buffer> {
    for await (const piece of front.rest()) {
      meter.addBytes(piece.length)
      yield piece
    }
  }
  yield { path, sizeBytes: undefined, bytes: counted() }
}

async function* gunzipWhole(source: ArchiveSource): AsyncGenerator<Buffer> {
  yield* gunzip(all(source), async (readBytes) => {
    // Behind the end there may be zeros, which fill up a block of a tape.
    const range = { startBytes: readBytes, lengthBytes: source.sizeBytes - readBytes }
    if (range.lengthBytes <= 0) return
    for await (const piece of source.read(range)) {
      if (piece.some((byte) => byte !== 0)) throw damaged('there is something else behind the end of its gzip file')
    }
  })
}

function inOrder(files: AsyncGenerator<TarFile>): Unpacking {
  return { kind: 'in order', files }
}

/** A tar file without entries begins with its end; that it is one says its name alone. */
function isEmptyTar(name: string, head: Buffer): boolean {
  return /\.tar$/i.test(name) && head.length === headBytes && head.every((byte) => byte === 0)
}

function all(source: ArchiveSource): AsyncIterable<Buffer> {
  return source.read({ startBytes: 0, lengthBytes: source.sizeBytes })
}

function zstdOf({ zstd }: UnpackTools): Zstd {
  if (zstd === undefined) throw unsupported('there is no zstd where this task runs')
  return zstd
}
