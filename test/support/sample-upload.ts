import { randomBytes, randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import type { ChunkSlot, SealedSink, SinkKey, Storage } from '../../src/storage/contract.ts'

/** A storage under test, on a medium of its own. */
export type StorageFixture = {
  storage: Storage
  /** How many files, objects or unfinished uploads the medium holds. */
  countLeftovers: () => Promise<number>
  dispose: () => Promise<void>
}

const mebibyte = 1024 * 1024

/** The smallest size every storage takes for a piece that is not the last. */
export const sampleChunkBytes = 5 * mebibyte

/** Two whole chunks and a shorter one. */
export const threeChunks = 2 * sampleChunkBytes + 1_234_567

/** A signal that never comes. */
export const never = new AbortController().signal

/** An upload of random bytes into a storage, driven one call at a time. */
export class SampleUpload {
  readonly taskId: string
  readonly bytes: Buffer
  readonly slots: ChunkSlot[]
  readonly #storage: Storage
  sink: SinkKey

  private constructor(storage: Storage, taskId: string, bytes: Buffer, sink: SinkKey) {
    this.#storage = storage
    this.taskId = taskId
    this.bytes = bytes
    this.sink = sink
    this.slots = Array.from({ length: Math.ceil(bytes.length / sampleChunkBytes) }, (_, index) => {
      const offsetBytes = index * sampleChunkBytes
      return { index, offsetBytes, sizeBytes: Math.min(sampleChunkBytes, bytes.length - offsetBytes) }
    })
  }

  static async begin(storage: Storage, sizeBytes: number): Promise<SampleUpload> {
    const taskId = randomUUID()
    const sink = await storage.createSink({ taskId, sizeBytes, chunkSizeBytes: sampleChunkBytes })
    return new SampleUpload(storage, taskId, randomBytes(sizeBytes), sink)
  }

  slot(index: number): ChunkSlot {
    const slot = this.slots[index]
    if (slot === undefined) throw new Error(`The sample has no chunk ${index}.`)
    return slot
  }

  source({ offsetBytes, sizeBytes }: ChunkSlot): Buffer {
    return this.bytes.subarray(offsetBytes, offsetBytes + sizeBytes)
  }

  /** Writes a chunk, with its own bytes unless others are given. */
  write(index: number, body: Readable = bodyOf(this.source(this.slot(index)))): Promise<void> {
    return this.#storage.writeChunk(this.sink, this.slot(index), body, { onPiece: () => undefined, signal: never })
  }

  async writeAll(): Promise<void> {
    for (const { index } of this.slots) await this.write(index)
  }

  seal(epoch: number, fresh = false): Promise<SealedSink> {
    return this.#storage.sealSink(this.sink, { id: this.taskId, epoch }, { fresh, signal: never })
  }

  async contents(sealed: SealedSink): Promise<Buffer> {
    return collect(sealed.read({ startBytes: 0, lengthBytes: this.bytes.length }, never))
  }

  async stored(key: string, startBytes = 0, lengthBytes = this.bytes.length): Promise<Buffer> {
    const stream = await this.#storage.read(key, { startBytes, lengthBytes })
    if (stream === undefined) throw new Error(`There is no object at ${key}.`)
    return buffer(stream)
  }
}

/** Copies every piece at once: a piece is valid only until the next one is asked for. */
export async function collect(pieces: AsyncIterable<Buffer>): Promise<Buffer> {
  const copies: Buffer[] = []
  for await (const piece of pieces) copies.push(Buffer.from(piece))
  return Buffer.concat(copies)
}

/** A body that delivers the bytes in pieces of the size a socket gives, and of no round size. */
export function bodyOf(bytes: Buffer, pieceBytes = 65_521): Readable {
  let at = 0
  return new Readable({
    read() {
      if (at >= bytes.length) {
        this.push(null)
        return
      }
      this.push(bytes.subarray(at, at + pieceBytes))
      at += pieceBytes
    },
  })
}

/** A body that delivers `head` and then nothing more until it is told to. */
export function stalledBody(head: Buffer): Readable {
  const body = new Readable({ read: () => undefined })
  for (let at = 0; at < head.length; at += 65_536) body.push(head.subarray(at, at + 65_536))
  return body
}

/** Waits until `condition` holds; fails when it does not within 5 s. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 5_000
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error('The condition did not come true within 5 s.')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
