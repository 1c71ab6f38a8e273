import type { ArchiveEntry } from './entry.ts'
import { padding, recordBytes, tarHeader, tarHeaderBytes } from './tar-header.ts'

/** GNU tar and bsdtar write whole blocks of twenty records. */
const factorBytes = 20 * recordBytes

/** The tar file of the entries from a place in it on. The same entries make the same bytes. */
export async function* tarBytes(entries: readonly ArchiveEntry[], fromBytes: number): AsyncGenerator<Buffer> {
  let atBytes = 0
  const from = (bytes: Buffer): Buffer => bytes.subarray(Math.max(0, fromBytes - atBytes))
  for (const entry of entries) {
    const headerBytes = tarHeaderBytes(entry)
    if (atBytes + headerBytes > fromBytes) yield from(tarHeader(entry))
    atBytes += headerBytes
    const startBytes = Math.min(entry.sizeBytes, Math.max(0, fromBytes - atBytes))
    const lengthBytes = entry.sizeBytes - startBytes
    if (lengthBytes > 0) yield* entry.read({ startBytes, lengthBytes })
    atBytes += entry.sizeBytes
    const gap = padding(entry.sizeBytes)
    if (gap.length > 0 && atBytes + gap.length > fromBytes) yield from(gap)
    atBytes += gap.length
  }
  const rest = Buffer.alloc(tarSize(entries) - atBytes)
  if (atBytes + rest.length > fromBytes) yield from(rest)
}

/** How long that file is. */
export function tarSize(entries: readonly ArchiveEntry[]): number {
  const sizeBytes = entries.reduce((sum, entry) => sum + tarHeaderBytes(entry) + recordsOf(entry.sizeBytes), 0)
  return Math.ceil((sizeBytes + 2 * recordBytes) / factorBytes) * factorBytes
}

function recordsOf(sizeBytes: number): number {
  return Math.ceil(sizeBytes / recordBytes) * recordBytes
}
