import { open, type FileHandle } from 'node:fs/promises'
import { type OfficeType, officeTypeOf } from './detect-office.ts'

/** What a file's bytes are, whatever it is called: the one reader that is let at them. */
export type Detected =
  | { kind: 'image'; type: string; loader: ImageLoader }
  | { kind: 'media'; type: string; demuxer: string }
  | { kind: 'document'; type: string; office: OfficeType }

export type ImageLoader = 'jpeg' | 'png' | 'webp' | 'gif' | 'tiff' | 'heif'

const headBytes = 4096

/** Says what a file is by its bytes; only plain text is told by its name as well. Undefined for what nothing here reads. */
export async function detect(path: string, name: string): Promise<Detected | undefined> {
  const handle = await open(path)
  try {
    const head = await readAt(handle, 0, headBytes)
    const office = await officeTypeOf((offset, length) => readAt(handle, offset, length), head, name)
    return imageOf(head) ?? mediaOf(head) ?? (office && { kind: 'document', type: office.type, office: office.office })
  } finally {
    await handle.close()
  }
}

async function readAt(handle: FileHandle, offsetBytes: number, lengthBytes: number): Promise<Buffer> {
  // From the end when negative.
  const { size } = await handle.stat()
  const startBytes = Math.max(0, offsetBytes < 0 ? size + offsetBytes : offsetBytes)
  const buffer = Buffer.alloc(Math.min(lengthBytes, Math.max(0, size - startBytes)))
  const { bytesRead } = await handle.read(buffer, 0, buffer.length, startBytes)
  return buffer.subarray(0, bytesRead)
}

/** Bytes as Latin-1 by where they stand; all of them must be there. */
type Signature = Record<number, string>

const images: [Signature, ImageLoader, string][] = [
  [{ 0: '\xff\xd8\xff' }, 'jpeg', 'image/jpeg'],
  [{ 0: '\x89PNG\r\n\x1a\n' }, 'png', 'image/png'],
  [{ 0: 'GIF87a' }, 'gif', 'image/gif'],
  [{ 0: 'GIF89a' }, 'gif', 'image/gif'],
  [{ 0: 'RIFF', 8: 'WEBP' }, 'webp', 'image/webp'],
  [{ 0: 'II\x2a\0' }, 'tiff', 'image/tiff'],
  [{ 0: 'MM\0\x2a' }, 'tiff', 'image/tiff'],
  [{ 0: 'II\x2b\0' }, 'tiff', 'image/tiff'],
  [{ 0: 'MM\0\x2b' }, 'tiff', 'image/tiff'],
]

const media: [Signature, string, string][] = [
  [{ 4: 'moov' }, 'mov', 'video/quicktime'],
  [{ 4: 'mdat' }, 'mov', 'video/quicktime'],
  [{ 4: 'wide' }, 'mov', 'video/quicktime'],
  [{ 0: '\x1aE\xdf\xa3' }, 'matroska', 'video/x-matroska'],
  [{ 0: 'OggS' }, 'ogg', 'application/ogg'],
  [{ 0: 'fLaC' }, 'flac', 'audio/flac'],
  [{ 0: 'RIFF', 8: 'WAVE' }, 'wav', 'audio/wav'],
  [{ 0: 'RIFF', 8: 'AVI ' }, 'avi', 'video/x-msvideo'],
  [{ 0: 'FORM', 8: 'AIFF' }, 'aiff', 'audio/aiff'],
  [{ 0: 'FORM', 8: 'AIFC' }, 'aiff', 'audio/aiff'],
  [{ 0: 'FLV\x01' }, 'flv', 'video/x-flv'],
  [{ 0: '\x30\x26\xb2\x75\x8e\x66\xcf\x11' }, 'asf', 'video/x-ms-asf'],
  [{ 0: 'ID3' }, 'mp3', 'audio/mpeg'],
  [{ 0: '\0\0\x01\xba' }, 'mpeg', 'video/mpeg'],
]

function imageOf(head: Buffer): Detected | undefined {
  const [, loader, type] = images.find(([signature]) => fits(head, signature)) ?? []
  if (loader !== undefined && type !== undefined) return { kind: 'image', type, loader }
  const isAvif = fits(head, { 4: 'ftyp' }) && /^avi[fs]/.test(brandOf(head))
  return isAvif ? { kind: 'image', type: 'image/avif', loader: 'heif' } : undefined
}

function mediaOf(head: Buffer): Detected | undefined {
  if (fits(head, { 4: 'ftyp' })) return isStillPicture(head) ? undefined : isoMedia(head)
  const [, demuxer, type] = media.find(([signature]) => fits(head, signature)) ?? []
  if (demuxer !== undefined && type !== undefined) return { kind: 'media', type, demuxer }
  if (isTransportStream(head)) return { kind: 'media', type: 'video/mp2t', demuxer: 'mpegts' }
  return bareAudio(head)
}

function fits(head: Buffer, signature: Signature): boolean {
  return Object.entries(signature).every(([at, text]) => latin(head, Number(at), Number(at) + text.length) === text)
}

function isoMedia(head: Buffer): Detected {
  const isAudio = /^M4[AB] /.test(latin(head, 8, 12))
  return { kind: 'media', demuxer: 'mov', type: isAudio ? 'audio/mp4' : 'video/mp4' }
}

/** Pictures in the same box format whose codecs nothing here has. */
function isStillPicture(head: Buffer): boolean {
  return /^(heic|heix|hevc|mif1|msf1|jpeg|jxl )/.test(latin(head, 8, 12))
}

/** The first brand, with the compatible ones where it says nothing by itself. */
function brandOf(head: Buffer): string {
  const major = latin(head, 8, 12)
  const listed = latin(head, 16, Math.min(head.length, head.length >= 4 ? head.readUInt32BE(0) : 0))
  return major === 'mif1' && listed.includes('avif') ? 'avif' : major
}

/** Packets of 188 bytes, each with the same first byte. */
function isTransportStream(head: Buffer): boolean {
  return head.length > 188 * 4 && [0, 188, 376, 564].every((at) => head[at] === 0x47)
}

/** MPEG audio frames without a container: a sync word of 11 or 12 bits, and valid fields after it. */
function bareAudio(head: Buffer): Detected | undefined {
  const [first = 0, second = 0, third = 0] = head
  // FF FE is also how text in UTF-16 begins.
  if (first !== 0xff || second === 0xfe) return undefined
  const layer = (second >> 1) & 3
  if ((second & 0xf6) === 0xf0) return { kind: 'media', demuxer: 'aac', type: 'audio/aac' }
  const isFrame = (second & 0xe0) === 0xe0 && layer !== 0 && third >> 4 !== 15 && ((third >> 2) & 3) !== 3
  return isFrame ? { kind: 'media', demuxer: 'mp3', type: 'audio/mpeg' } : undefined
}

function latin(head: Buffer, start: number, end: number): string {
  return head.toString('latin1', start, end)
}
