import type { Storage } from '../storage/contract.ts'
import { headBytes } from './accept-bytes.ts'

/** Keeps the beginning of what goes by. */
export class HeadKeeper {
  readonly #pieces: Buffer[] = []
  #keptBytes = 0

  get isFull(): boolean {
    return this.#keptBytes >= headBytes
  }

  /** Copies what it needs of a piece, which may be used for something else afterwards. */
  take(piece: Buffer): void {
    if (this.isFull) return
    const kept = Buffer.from(piece.subarray(0, headBytes - this.#keptBytes))
    this.#pieces.push(kept)
    this.#keptBytes += kept.length
  }

  head(): Buffer {
    return Buffer.concat(this.#pieces)
  }
}

/** The beginning of a stored object; undefined when it is not there. */
export async function readHead(
  storage: Pick<Storage, 'read'>,
  { objectKey, sizeBytes }: { objectKey: string; sizeBytes: number },
): Promise<Buffer | undefined> {
  const lengthBytes = Math.min(sizeBytes, headBytes)
  const keeper = new HeadKeeper()
  if (lengthBytes > 0) {
    const stream = await storage.read(objectKey, { startBytes: 0, lengthBytes })
    if (!stream) return undefined
    for await (const piece of stream) {
      if (!Buffer.isBuffer(piece)) throw new TypeError('a stored object is read as bytes')
      keeper.take(piece)
    }
  }
  return keeper.head()
}
