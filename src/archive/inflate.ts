import { Readable } from 'node:stream'
import { createGunzip, createInflateRaw, type Gunzip, type InflateRaw } from 'node:zlib'
import { systemCode } from '../errors.ts'
import { damaged, truncated } from './refuse.ts'

/** With pieces of this size zlib takes least time; each costs a hop to the thread pool. */
const chunkSize = 256 * 1024

/** What deflated bytes hold. Throws ARCHIVE_DAMAGED, also when they end before their source, of `sourceBytes`, does. */
export async function* inflate(source: AsyncIterable<Buffer>, sourceBytes: number): AsyncGenerator<Buffer> {
  const stream = createInflateRaw({ chunkSize })
  try {
    yield* through(stream, source)
  } catch (error) {
    throw zlibCode(error) === undefined ? error : damaged('deflated bytes do not make sense', error)
  }
  if (stream.bytesWritten !== sourceBytes) throw damaged('an entry has bytes behind its end')
}

/** What a gzip file holds, and how many bytes of it were gzip. Throws ARCHIVE_TRUNCATED or ARCHIVE_DAMAGED. */
export async function* gunzip(
  source: AsyncIterable<Buffer>,
  onEnd: (readBytes: number) => Promise<void>,
): AsyncGenerator<Buffer> {
  const stream = createGunzip({ chunkSize })
  try {
    yield* through(stream, source)
  } catch (error) {
    const code = zlibCode(error)
    if (code === undefined) throw error
    throw code === 'Z_BUF_ERROR'
      ? truncated('its gzip file has no end', error)
      : damaged('its gzip file does not make sense', error)
  }
  await onEnd(stream.bytesWritten)
}

async function* through(stream: InflateRaw | Gunzip, source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const input = Readable.from(source)
  input.on('error', (error) => stream.destroy(error)).pipe(stream)
  try {
    for await (const piece of stream) if (Buffer.isBuffer(piece)) yield piece
  } finally {
    input.destroy()
    stream.destroy()
  }
}

function zlibCode(error: unknown): string | undefined {
  const code = systemCode(error)
  return code?.startsWith('Z_') ? code : undefined
}
