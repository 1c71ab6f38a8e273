import { writev } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { AppError } from '../errors.ts'
import type { ChunkSlot, ChunkTarget } from './contract.ts'
import { storageFailure } from './failure.ts'

/**
 * Pieces are joined until they are worth a hop to the thread pool. They are gathered by `writev`, not copied: copying
 * into a reused buffer cost 0.07 CPU seconds more per GiB.
 */
const joinBytes = 256 * 1024
/** Bounds what a body of tiny pieces costs in memory. */
const joinPieces = 128

/**
 * Writes the body at the slot's offset and nowhere else, and closes the file. It settles only when no write is in
 * flight any more. At most two joins are held in memory; then the body is paused.
 * A body that ends early is written as far as it came. Fails with CHUNK_TORN when the body breaks off, CHUNK_TOO_LARGE
 * when it does not fit its slot, the signal's reason, what `onPiece` threw, or a storage failure; the rest of the body
 * is then left flowing to nobody, and errors it has later are not reported.
 */
export async function writeBody(
  opening: Promise<FileHandle>,
  slot: ChunkSlot,
  body: Readable,
  target: ChunkTarget,
): Promise<void> {
  try {
    await new BodyWriter(slot, body, target).run(opening)
  } catch (error) {
    // The first failure is the one to report; one of closing adds nothing to it.
    await opening.then((handle) => handle.close()).catch(() => undefined)
    throw error
  }
  try {
    await (await opening).close()
  } catch (error) {
    // Network file systems report failed writes here.
    throw storageFailure(error)
  }
}

class BodyWriter {
  readonly #slot: ChunkSlot
  readonly #body: Readable
  readonly #target: ChunkTarget
  #settle: () => void = () => undefined
  #fd = -1
  #pieces: Buffer[] = []
  #pendingBytes = 0
  #receivedBytes = 0
  #writtenBytes = 0
  /** A write is in flight, or the file is still being opened. */
  #busy = true
  #paused = false
  #ended = false
  #failure: { error: unknown } | undefined

  constructor(slot: ChunkSlot, body: Readable, target: ChunkTarget) {
    this.#slot = slot
    this.#body = body
    this.#target = target
  }

  async run(opening: Promise<FileHandle>): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#settle = resolve
      this.#start(opening)
    })
    if (this.#failure !== undefined) throw this.#failure.error
  }

  /** Listens from the first moment: a body may fail while the file is being opened. */
  #start(opening: Promise<FileHandle>): void {
    this.#attach()
    opening.then(
      (handle) => {
        this.#fd = handle.fd
        this.#onIdle()
      },
      (error: unknown) => {
        this.#fail(error)
        this.#onIdle()
      },
    )
    if (this.#target.signal.aborted) this.#onAbort()
    else if (this.#body.readableEnded) this.#ended = true
    else if (this.#body.destroyed) this.#onTorn(this.#body.errored)
    else this.#body.resume()
  }

  #attach(): void {
    this.#body.on('data', this.#onData).on('end', this.#onEnd).on('error', this.#onTorn).on('close', this.#onClose)
    this.#target.signal.addEventListener('abort', this.#onAbort)
  }

  #detach(): void {
    this.#body.off('data', this.#onData).off('end', this.#onEnd).off('error', this.#onTorn).off('close', this.#onClose)
    this.#target.signal.removeEventListener('abort', this.#onAbort)
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
    this.#pieces.push(piece)
    this.#pendingBytes += piece.length
    if (!this.#isJoined()) return
    if (!this.#busy) {
      this.#writeJoin()
    } else {
      this.#paused = true
      this.#body.pause()
    }
  }

  #onEnd = (): void => {
    this.#ended = true
    if (!this.#busy) this.#onIdle()
  }

  #onTorn = (cause: unknown): void => {
    this.#fail(
      cause instanceof AppError
        ? cause
        : new AppError('CHUNK_TORN', 'The connection broke off in the middle of the chunk.', { cause }),
    )
  }

  #onClose = (): void => {
    if (!this.#ended) this.#onTorn(this.#body.errored)
  }

  #onAbort = (): void => this.#fail(this.#target.signal.reason)

  #isJoined(): boolean {
    return this.#pendingBytes >= joinBytes || this.#pieces.length >= joinPieces
  }

  #writeJoin(): void {
    const pieces = this.#pieces
    this.#pieces = []
    this.#pendingBytes = 0
    this.#busy = true
    this.#write(pieces)
  }

  #write(pieces: Buffer[]): void {
    writev(this.#fd, pieces, this.#slot.offsetBytes + this.#writtenBytes, (error, countBytes) => {
      if (error !== null) {
        this.#fail(storageFailure(error))
        this.#onIdle()
        return
      }
      this.#writtenBytes += countBytes
      const rest = this.#failure === undefined ? withoutFirst(pieces, countBytes) : []
      if (rest.length > 0 && countBytes === 0) {
        this.#fail(new AppError('STORAGE_UNAVAILABLE', 'The storage pool takes no bytes.'))
        this.#onIdle()
      } else if (rest.length > 0) {
        this.#write(rest)
      } else {
        this.#onIdle()
      }
    })
  }

  /** Nothing is in flight: settles, or goes on with what has come in the meantime. */
  #onIdle(): void {
    this.#busy = false
    if (this.#failure !== undefined) {
      this.#settle()
      return
    }
    if (this.#isJoined() || (this.#ended && this.#pieces.length > 0)) {
      this.#writeJoin()
    } else if (this.#ended) {
      this.#detach()
      this.#settle()
      return
    }
    if (this.#paused) {
      this.#paused = false
      this.#body.resume()
    }
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return
    this.#failure = { error }
    this.#detach()
    this.#pieces = []
    // Without a listener, a second error of a body that is already given up would end the process.
    this.#body.on('error', () => undefined)
    this.#body.resume()
    if (!this.#busy) this.#onIdle()
  }
}

function withoutFirst(pieces: Buffer[], countBytes: number): Buffer[] {
  let skipBytes = countBytes
  for (const [index, piece] of pieces.entries()) {
    if (skipBytes < piece.length) return [piece.subarray(skipBytes), ...pieces.slice(index + 1)]
    skipBytes -= piece.length
  }
  return []
}
