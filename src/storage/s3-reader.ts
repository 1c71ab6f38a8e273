import { Readable } from 'node:stream'
import { GetObjectCommand } from '@aws-sdk/client-s3'
import { AppError } from '../errors.ts'
import type { ByteRange } from './contract.ts'
import { PoolFault } from './failure.ts'
import { isTransient, s3Failure, unlessGone } from './s3-failure.ts'
import { headObject } from './s3-head.ts'
import type { S3Pool } from './s3-pool.ts'
import { briefMs, pause, pauseMs, retrying, until } from './s3-retry.ts'

/** What is read ahead of whoever reads the stream. */
const aheadBytes = 1024 * 1024
/** A stream that breaks again and again without a byte in between is given up after so long. */
const stuckMs = 30_000

type Body = { stream: Readable; lengthBytes: number }

/**
 * A stream over a range of an object, or undefined when it is not there. When the connection breaks or stands still, it
 * goes on with another one where it was. Fails when the object is too short or is removed while it is being read.
 */
export async function readObject(pool: S3Pool, key: string, range: ByteRange): Promise<Readable | undefined> {
  if (range.lengthBytes === 0) return (await headObject(pool, key)) && Readable.from([])
  const first = await retrying(() => get(pool, key, range), { patienceMs: briefMs })
  return first && new ObjectStream(pool, key, range, first)
}

/** The pieces of a stream until the signal comes, whose reason is then thrown. */
export async function* piecesUntil(stream: Readable, signal: AbortSignal): AsyncGenerator<Buffer> {
  const onAbort = (): void => void stream.destroy()
  signal.addEventListener('abort', onAbort)
  if (signal.aborted) onAbort()
  try {
    const pieces: AsyncIterable<Buffer> = stream
    for await (const piece of pieces) {
      signal.throwIfAborted()
      yield piece
    }
  } catch (error) {
    signal.throwIfAborted()
    throw error
  } finally {
    signal.removeEventListener('abort', onAbort)
    stream.destroy()
  }
}

async function get(pool: S3Pool, key: string, range: ByteRange, signal?: AbortSignal): Promise<Body | undefined> {
  const lastByte = range.startBytes + range.lengthBytes - 1
  const command = new GetObjectCommand({
    Bucket: pool.bucket,
    Key: key,
    Range: `bytes=${range.startBytes}-${lastByte}`,
  })
  const answer = await unlessGone(() => pool.client.send(command, until(signal)))
  if (answer === undefined) return undefined
  const { Body: stream, ContentLength: lengthBytes = range.lengthBytes } = answer
  if (!(stream instanceof Readable)) throw new PoolFault('FAILED', 'The store answered no body.')
  return { stream, lengthBytes }
}

class ObjectStream extends Readable {
  readonly #pool: S3Pool
  readonly #key: string
  readonly #endBytes: number
  readonly #stop = new AbortController()
  #source: Readable | undefined
  #positionBytes: number
  /** Where the current connection was to end. */
  #promisedBytes = 0
  #stuckSince: number | undefined
  #attempt = 0
  #isReopening = false

  constructor(pool: S3Pool, key: string, { startBytes, lengthBytes }: ByteRange, first: Body) {
    super({ highWaterMark: aheadBytes })
    this.#pool = pool
    this.#key = key
    this.#positionBytes = startBytes
    this.#endBytes = startBytes + lengthBytes
    this.#attach(first)
  }

  override _read(): void {
    if (this.#source) this.#source.resume()
    else if (!this.#isReopening) this.#reopen()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#stop.abort()
    this.#detach()
    done(error)
  }

  #attach({ stream, lengthBytes }: Body): void {
    this.#source = stream
    this.#promisedBytes = this.#positionBytes + lengthBytes
    stream.on('data', this.#onData).on('error', this.#onOver).on('close', this.#onOver).on('end', this.#onOver)
    stream.pause()
  }

  #detach(): void {
    const source = this.#source
    this.#source = undefined
    source?.off('data', this.#onData).off('error', this.#onOver).off('close', this.#onOver).off('end', this.#onOver)
    // A connection that is given up may still fail, and nobody listens any more.
    source?.on('error', () => undefined).destroy()
  }

  #onData = (piece: Buffer): void => {
    this.#stuckSince = undefined
    this.#attempt = 0
    this.#positionBytes += piece.length
    if (!this.push(piece)) this.#source?.pause()
  }

  #onOver = (): void => {
    this.#detach()
    if (this.#positionBytes === this.#endBytes) this.push(null)
    else if (this.#positionBytes === this.#promisedBytes) this.destroy(tooShort())
    // Whoever reads slowly finds the connection gone and needs another one only when there is room again.
    else if (this.readableLength < this.readableHighWaterMark) this.#reopen()
  }

  #reopen(): void {
    this.#isReopening = true
    this.#openAgain().then(
      (body) => {
        this.#isReopening = false
        if (body === undefined) return
        this.#attach(body)
        if (this.destroyed) this.#detach()
        else body.stream.resume()
      },
      (error: unknown) => this.destroy(error instanceof Error ? error : new Error(String(error))),
    )
  }

  async #openAgain(): Promise<Body | undefined> {
    this.#stuckSince ??= performance.now()
    const range = { startBytes: this.#positionBytes, lengthBytes: this.#endBytes - this.#positionBytes }
    for (;;) {
      try {
        if (this.#attempt++ > 0) await pause(pauseMs(this.#attempt), this.#stop.signal)
        const body = await get(this.#pool, this.#key, range, this.#stop.signal)
        if (body === undefined) throw removed()
        return body
      } catch (error) {
        if (this.#stop.signal.aborted) return undefined
        if (!isTransient(error) || performance.now() - this.#stuckSince > stuckMs) throw s3Failure(error)
      }
    }
  }
}

function tooShort(): AppError {
  return new AppError('STORAGE_UNAVAILABLE', 'The stored object is shorter than it should be.')
}

function removed(): AppError {
  return new AppError('STORAGE_UNAVAILABLE', 'The stored object was removed while it was being read.')
}
