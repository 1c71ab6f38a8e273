import { Front } from '../front.ts'
import { decodeName } from './names.ts'
import { segmentsOf } from './paths.ts'
import { damaged, quoted, refuseLink, refuseSpecialFile, refuseUnsafe, truncated, unsupported } from './refuse.ts'
import { extendedFields, fieldNumber, isTarHeader, pathOf, textLength } from './tar-fields.ts'
import { recordBytes } from './tar-header.ts'
import type { UnpackMeter } from './unpack-meter.ts'

/** A file in a stream. Its bytes are there until the next one is asked for; its size may be known only by them. */
export type TarFile = { path: string; sizeBytes: number | undefined; bytes: AsyncGenerator<Buffer> }

/** Long names and extended headers are held in memory. */
const mostExtendedBytes = 1024 * 1024

/** What one entry is told by those before it. */
type Told = { path?: string; sizeBytes?: number }

/**
 * The files of a tar file (ustar, pax and GNU's long names) in their order. Throws ARCHIVE_TRUNCATED, ARCHIVE_DAMAGED,
 * ARCHIVE_HAS_LINK, ARCHIVE_HAS_SPECIAL_FILE, ARCHIVE_UNSAFE_NAME, ARCHIVE_UNSUPPORTED, and what the meter throws.
 */
export async function* readTar(source: AsyncIterable<Buffer>, meter: UnpackMeter): AsyncGenerator<TarFile> {
  const front = new Front(source)
  let told: Told = {}
  try {
    for (;;) {
      const header = Buffer.from(await front.take(recordBytes))
      if (header.length < recordBytes) throw truncated('its end is missing')
      if (isEmpty(header)) break
      if (!isTarHeader(header)) throw damaged('an entry’s header does not have its checksum')
      const type = String.fromCharCode(header.readUInt8(156))
      const ownBytes = fieldNumber(header, 124, 12)
      if (type === 'x' || type === 'L') {
        meter.addBytes(ownBytes)
        told = { ...told, ...(await readTold(front, type, ownBytes)) }
      } else if (type === 'g' || type === 'K') {
        meter.addBytes(ownBytes)
        await held(front, ownBytes)
      } else {
        meter.addEntries(1)
        const name = told.path ?? pathOf(header)
        const sizeBytes = told.sizeBytes ?? ownBytes
        told = {}
        refuseType(type, name)
        yield* readFile(front, { name, sizeBytes, isFolder: type === '5' || /[/\\]$/.test(name) }, meter)
      }
    }
    // What is behind the end is nobody's, but whatever it was packed with has a sum of its own to be checked.
    for await (const piece of front.rest()) meter.addBytes(piece.length)
  } finally {
    await front.close()
  }
}

async function* readFile(
  front: Front,
  { name, sizeBytes, isFolder }: { name: string; sizeBytes: number; isFolder: boolean },
  meter: UnpackMeter,
): AsyncGenerator<TarFile> {
  refuseUnsafe(name)
  const path = segmentsOf(name).join('/')
  if (isFolder && sizeBytes > 0) throw damaged(`the folder ${quoted(name)} has bytes`)
  if (isFolder) return
  if (path === '') throw damaged('an entry has no name')
  meter.addBytes(sizeBytes)
  const rest = { sizeBytes }
  yield { path, sizeBytes, bytes: take(front, path, rest) }
  // Whoever did not want them all does not keep the next one from being found.
  for await (const piece of take(front, path, rest)) void piece
  await front.take(gapBytes(sizeBytes))
}

async function* take(front: Front, path: string, rest: { sizeBytes: number }): AsyncGenerator<Buffer> {
  while (rest.sizeBytes > 0) {
    const piece = await front.takeSome(rest.sizeBytes)
    if (piece.length === 0) throw truncated(`${quoted(path)} has no end`)
    rest.sizeBytes -= piece.length
    yield piece
  }
}

/** A name or an extended header, which goes before the entry that it is about. */
async function readTold(front: Front, type: 'x' | 'L', sizeBytes: number): Promise<Told> {
  const bytes = await held(front, sizeBytes)
  if (type === 'L') return { path: decodeName(bytes.subarray(0, textLength(bytes)), 'latin1') }
  const fields = extendedFields(bytes)
  if ([...fields.keys()].some((key) => key.startsWith('GNU.sparse.'))) throw unsupported('it has a sparse file')
  const path = fields.get('path')
  const size = fields.get('size')
  if (size !== undefined && !/^\d{1,15}$/.test(size)) throw damaged('an entry has an impossible size')
  return { ...(path === undefined ? {} : { path }), ...(size === undefined ? {} : { sizeBytes: Number(size) }) }
}

async function held(front: Front, sizeBytes: number): Promise<Buffer> {
  if (sizeBytes > mostExtendedBytes) throw unsupported('it has a header of more than a MiB')
  const bytes = Buffer.from(await front.take(sizeBytes))
  if (bytes.length < sizeBytes) throw truncated('its end is missing')
  await front.take(gapBytes(sizeBytes))
  return bytes
}

function refuseType(type: string, name: string): void {
  // "0" and NUL are files, "7" is one that lies in one piece, "5" a folder.
  if (['0', '\0', '7', '5'].includes(type)) return
  if (type === '1' || type === '2') refuseLink(name)
  if (['3', '4', '6'].includes(type)) refuseSpecialFile(name)
  throw unsupported(type === 'S' ? 'it has a sparse file' : `it has an entry of the unknown type ${quoted(type)}`)
}

function gapBytes(sizeBytes: number): number {
  return (recordBytes - (sizeBytes % recordBytes)) % recordBytes
}

function isEmpty(header: Buffer): boolean {
  return header.every((byte) => byte === 0)
}
