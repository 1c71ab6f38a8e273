import type { ArchiveSource } from '../../src/archive/source.ts'
import { openArchive, type UnpackTools } from '../../src/archive/unpack.ts'
import { AppError } from '../../src/errors.ts'

const pieceBytes = 64 * 1024

/** An archive that lies in memory; `readBytes` counts what was read of it. */
export function sourceOf(bytes: Buffer) {
  const counted = { readBytes: 0 }
  const source: ArchiveSource = {
    sizeBytes: bytes.length,
    read: async function* ({ startBytes, lengthBytes }) {
      const range = bytes.subarray(startBytes, startBytes + lengthBytes)
      if (range.length < lengthBytes) throw new RangeError(`${startBytes} + ${lengthBytes} is outside of the archive`)
      for (let atBytes = 0; atBytes < range.length; atBytes += pieceBytes) {
        const piece = Buffer.from(range.subarray(atBytes, atBytes + pieceBytes))
        counted.readBytes += piece.length
        yield piece
      }
    },
  }
  return { ...source, counted }
}

export const generous = { mostEntries: 100_000, mostBytes: 2 ** 36, mostRatio: 2000 }

/** Every file of an archive with its bytes, as often as it is there. */
export async function unpacked(
  bytes: Buffer,
  tools: Partial<UnpackTools> & { name?: string } = {},
): Promise<[string, Buffer][]> {
  const { name = 'archive', limits = generous, zstd } = tools
  const opened = await openArchive(name, sourceOf(bytes), { limits, zstd })
  const files: [string, Buffer][] = []
  for await (const file of opened.files) {
    const pieces: Buffer[] = []
    for await (const piece of typeof file.bytes === 'function' ? file.bytes() : file.bytes) pieces.push(piece)
    files.push([file.path, Buffer.concat(pieces)])
  }
  return files
}

/** The code that an archive is refused with; throws what is not meant for anybody. */
export async function refusal(bytes: Buffer, tools: Parameters<typeof unpacked>[1] = {}): Promise<string> {
  try {
    const files = await unpacked(bytes, tools)
    return `unpacked ${files.length}`
  } catch (error) {
    if (error instanceof AppError) return error.code
    throw error
  }
}
