import type { ObjectCheckpoint, ObjectName, ObjectWriter } from './contract.ts'
import { completeMultipart } from './s3-complete.ts'
import { copyParts, type CopyPart } from './s3-copy.ts'
import { headObject } from './s3-head.ts'
import { beginMultipart, listParts, type Multipart } from './s3-multipart.ts'
import type { S3Pool } from './s3-pool.ts'
import { piecesUntil, readObject } from './s3-reader.ts'
import { partBytesOf, S3ObjectWriter } from './s3-writer.ts'

/**
 * Begins an object with another one's beginning. What the other writer had stored is made an object of its own first, because
 * nothing can be read of a multipart upload; that also ends its writing.
 */
export async function continueObject(
  pool: S3Pool,
  name: ObjectName,
  { name: earlier, sizeBytes, state: uploadId = '' }: ObjectCheckpoint,
  {
    onPiece,
    signal,
    givenUp,
  }: { onPiece: (piece: Buffer) => void; signal: AbortSignal; givenUp?: AbortSignal | undefined },
): Promise<ObjectWriter | undefined> {
  const writer = new S3ObjectWriter(pool, name, givenUp)
  if (sizeBytes === 0) return writer
  const key = pool.layout.of(earlier)
  if (!(await isCompleted(pool, { key, uploadId }, sizeBytes, signal))) return undefined
  const stream = await readObject(pool, key, { startBytes: 0, lengthBytes: sizeBytes })
  if (stream === undefined) return undefined
  const whole = wholeParts(sizeBytes)
  if (whole.length > 0) {
    const multipart = await beginMultipart(pool, pool.layout.of(name), { signal })
    const parts = await copyParts(pool, multipart, { bucket: pool.bucket, key }, whole, signal)
    if (parts === undefined) return undefined
    writer.begin(multipart, parts)
  }
  const copiedBytes = whole.reduce((sum, { range }) => sum + range.lengthBytes, 0)
  let readBytes = 0
  for await (const piece of piecesUntil(stream, signal)) {
    onPiece(piece)
    const skipBytes = Math.min(piece.length, Math.max(0, copiedBytes - readBytes))
    readBytes += piece.length
    if (skipBytes < piece.length) await writer.write(piece.subarray(skipBytes))
  }
  return writer
}

/** Makes an object of what a writer has stored, whatever it stored after its checkpoint. */
async function isCompleted(
  pool: S3Pool,
  multipart: Multipart,
  leastBytes: number,
  signal: AbortSignal,
): Promise<boolean> {
  for (;;) {
    const parts = await listParts(pool, multipart, signal)
    if (parts === undefined) return ((await headObject(pool, multipart.key))?.sizeBytes ?? 0) >= leastBytes
    const outcome = await completeMultipart(pool, multipart, [...parts.values()], signal)
    if (outcome !== 'changed') return outcome === 'done'
  }
}

/** The parts of a writer that lie within the first `sizeBytes` bytes. */
function wholeParts(sizeBytes: number): CopyPart[] {
  const parts: CopyPart[] = []
  for (let startBytes = 0, partNumber = 1; ; partNumber++) {
    const lengthBytes = partBytesOf(partNumber)
    if (startBytes + lengthBytes > sizeBytes) return parts
    parts.push({ partNumber, range: { startBytes, lengthBytes } })
    startBytes += lengthBytes
  }
}
