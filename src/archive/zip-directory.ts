import { setImmediate } from 'node:timers/promises'
import { blockBytes } from './deflate.ts'
import type { ArchiveEntry } from './entry.ts'
import {
  centralHeader,
  dataDescriptor,
  deflated,
  endRecords,
  localHeader,
  stored,
  type ZipSums,
} from './zip-records.ts'

const recordBytes = 11
const pieceBytes = 64 * 1024

/** Whether an entry's sums come after its bytes: those of a block or less are known before. */
function hasDescriptor({ sizeBytes }: Pick<ArchiveEntry, 'sizeBytes'>, { method }: Pick<ZipSums, 'method'>): boolean {
  return method === deflated && sizeBytes > blockBytes
}

/** What the directory of a zip file will say of the entries that were written. */
export class ZipDirectory {
  #records: Buffer
  #count: number

  /** `packed`: what another one's `pack` answered. */
  constructor(packed = '') {
    this.#records = Buffer.from(packed, 'base64')
    this.#count = Math.floor(this.#records.length / recordBytes)
  }

  get count(): number {
    return this.#count
  }

  add({ method, crc, packedBytes }: ZipSums): void {
    const offset = this.#count * recordBytes
    if (offset === this.#records.length) {
      this.#records = Buffer.concat([this.#records], Math.max(64 * recordBytes, offset * 2))
    }
    this.#records.writeUInt32LE(crc, offset)
    this.#records.writeUIntLE(packedBytes, offset + 4, 6)
    this.#records.writeUInt8(method, offset + 10)
    this.#count++
  }

  /** Everything in a short text. */
  pack(): string {
    return this.#records.toString('base64', 0, this.#count * recordBytes)
  }

  /** The directory and the end of the file. The entries are those that were added, in the same order. */
  async *write(entries: readonly ArchiveEntry[]): AsyncGenerator<Buffer> {
    let offsetBytes = 0
    let directoryBytes = 0
    let lines: Buffer[] = []
    let linesBytes = 0
    for (const [index, entry] of entries.entries()) {
      const sums = this.#read(index)
      const isDescribed = hasDescriptor(entry, sums)
      const line = centralHeader(entry, sums, { offsetBytes, hasDescriptor: isDescribed })
      lines.push(line)
      linesBytes += line.length
      offsetBytes += localHeader(entry, isDescribed ? undefined : sums).length + sums.packedBytes
      if (isDescribed) offsetBytes += dataDescriptor(entry, sums).length
      if (linesBytes >= pieceBytes) {
        yield Buffer.concat(lines)
        directoryBytes += linesBytes
        lines = []
        linesBytes = 0
        // Some hundred lines take about a millisecond.
        await setImmediate()
      }
    }
    directoryBytes += linesBytes
    yield Buffer.concat([...lines, endRecords({ entries: entries.length, directoryBytes, offsetBytes })])
  }

  #read(index: number): ZipSums {
    const offset = index * recordBytes
    return {
      crc: this.#records.readUInt32LE(offset),
      packedBytes: this.#records.readUIntLE(offset + 4, 6),
      method: this.#records.readUInt8(offset + 10) === stored ? stored : deflated,
    }
  }
}
