import { createHash, type Hash } from 'node:crypto'
import { Readable } from 'node:stream'
import { AppError } from '../errors.ts'
import type { ChunkSlot, ChunkTarget } from './contract.ts'

/** What is passed on before more has to be asked for, and what can be passed on again to another request. */
const aheadBytes = 256 * 1024
/** So much is passed on at once at least. AWS and Swift refuse pieces of less than 8 KiB where a checksum follows the body. */
const joinBytes = 128 * 1024

/**
 * A chunk's body on its way into a part. It is passed on as it comes and not kept, but for its beginning. The last piece
 * is held back until the body has ended, so that a body that is too long or breaks off never becomes a part.
 */
export class PartBody {
  readonly #slot: ChunkSlot
  readonly #body: Readable
  readonly #target: ChunkTarget
  readonly #md5: Hash | undefined
  readonly #over = new AbortController()
  #outgoing: Readable | undefined
  #pieces: Buffer[] = []
  #piecesBytes = 0
  #beginning: Buffer[] | undefined = []
  #passedBytes = 0
  #receivedBytes = 0
  #isListening = false
  #hasEnded = false
  #failure: { error: unknown } | undefined

  /** Listens from now on: a body may fail while the request is still being made. */
  constructor(slot: ChunkSlot, body: Readable, target: ChunkTarget, { withMd5 }: { withMd5: boolean }) {
    this.#slot = slot
    this.#body = body
    this.#target = target
    this.#md5 = withMd5 ? createHash('md5') : undefined
    body.pause()
    body.on('end', this.#onEnd).on('error', this.#onTorn).on('close', this.#onClose)
    target.signal.addEventListener('abort', this.#onAbort)
    if (target.signal.aborted) this.#onAbort()
    else if (body.readableEnded) this.#onEnd()
    else if (body.destroyed) this.#onTorn(body.errored)
  }

  /** Fires when there is no use in sending any more: the body failed, or ended before its part was full. */
  get over(): AbortSignal {
    return this.#over.signal
  }

  /** Throws what the body failed with. One that only ended early has not failed: that is for the caller to judge. */
  throwIfFailed(): void {
    if (this.#failure) throw this.#failure.error
  }

  /** Whether another request can have the body from its beginning. */
  get canStartAgain(): boolean {
    return this.#beginning !== undefined
  }

  /** The MD5 of a body that has gone, in hexadecimal, where it was asked for. */
  digest(): string | undefined {
    return this.#md5?.digest('hex')
  }

  /** The body for one request, as long as it `canStartAgain`. */
  open(): Readable {
    this.#outgoing?.destroy()
    const outgoing = new Readable({ highWaterMark: aheadBytes, read: () => this.#flow() })
    this.#outgoing = outgoing
    for (const piece of this.#beginning ?? []) outgoing.push(piece)
    if (this.#hasEnded) outgoing.push(null)
    return outgoing
  }

  /** Lets go of the body. What is left of it flows to nobody, and errors it has later are not reported. */
  close(): void {
    this.#body.off('data', this.#onData).off('end', this.#onEnd).off('error', this.#onTorn).off('close', this.#onClose)
    this.#target.signal.removeEventListener('abort', this.#onAbort)
    this.#outgoing?.destroy()
    if (this.#hasEnded) return
    // Without a listener, a second error of a body that is already given up would end the process.
    this.#body.on('error', () => undefined)
    this.#body.resume()
  }

  #flow(): void {
    if (this.#hasEnded) return
    if (!this.#isListening) this.#body.on('data', this.#onData)
    this.#isListening = true
    this.#body.resume()
  }

  #onData = (piece: Buffer): void => {
    try {
      this.#target.onPiece(piece)
    } catch (error) {
      this.#fail(error)
      return
    }
    this.#receivedBytes += piece.length
    if (this.#receivedBytes > this.#slot.sizeBytes) {
      this.#fail(new AppError('CHUNK_TOO_LARGE', `Chunk ${this.#slot.index} is longer than its place in the file.`))
      return
    }
    this.#md5?.update(piece)
    this.#pieces.push(piece)
    this.#piecesBytes += piece.length
    if (this.#piecesBytes >= joinBytes && this.#receivedBytes < this.#slot.sizeBytes) this.#passOn()
  }

  #passOn(): void {
    // Where nothing follows the body they go out side by side: Node writes in one go what comes in one turn of the loop.
    const passed = this.#md5 || this.#pieces.length < 2 ? this.#pieces : [Buffer.concat(this.#pieces)]
    this.#passedBytes += this.#piecesBytes
    this.#pieces = []
    this.#piecesBytes = 0
    if (this.#passedBytes > aheadBytes) this.#beginning = undefined
    for (const piece of passed) {
      this.#beginning?.push(piece)
      if (this.#outgoing?.push(piece) === false) this.#body.pause()
    }
  }

  #onEnd = (): void => {
    if (this.#receivedBytes === this.#slot.sizeBytes) {
      this.#passOn()
      this.#hasEnded = true
      this.#outgoing?.push(null)
    } else {
      this.#hasEnded = true
      this.#over.abort()
    }
  }

  #onTorn = (cause: unknown): void => {
    this.#fail(
      cause instanceof AppError
        ? cause
        : new AppError('CHUNK_TORN', 'The connection broke off in the middle of the chunk.', { cause }),
    )
  }

  #onClose = (): void => {
    if (!this.#hasEnded) this.#onTorn(this.#body.errored)
  }

  #onAbort = (): void => this.#fail(this.#target.signal.reason)

  #fail(error: unknown): void {
    this.#failure ??= { error }
    this.#over.abort()
  }
}
