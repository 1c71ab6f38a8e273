import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { expect, it } from 'vitest'
import {
  bodyOf,
  never,
  SampleUpload,
  sampleChunkBytes,
  stalledBody,
  threeChunks,
  until,
  type StorageFixture,
} from './sample-upload.ts'

export function writing(current: () => StorageFixture): void {
  it('keeps chunks written at once and in any order, byte for byte', async () => {
    const upload = await SampleUpload.begin(current().storage, threeChunks)
    await Promise.all([2, 0, 1].map((index) => upload.write(index)))
    expect((await upload.contents(await upload.seal(1))).equals(upload.bytes)).toBe(true)
  })

  it('keeps a chunk that comes in tiny and uneven pieces', async () => {
    const upload = await SampleUpload.begin(current().storage, 100_003)
    await upload.write(0, bodyOf(upload.bytes, 17))
    expect((await upload.contents(await upload.seal(1))).equals(upload.bytes)).toBe(true)
  })

  it.each([0, 1])('takes an upload of %i bytes to an object', async (sizeBytes) => {
    const upload = await SampleUpload.begin(current().storage, sizeBytes)
    await upload.writeAll()
    const sealed = await upload.seal(1)
    expect(await upload.contents(sealed)).toEqual(upload.bytes)
    const { key } = await sealed.publish()
    expect(await upload.stored(key)).toEqual(upload.bytes)
  })

  it('shows every piece before the end, in order', async () => {
    const { storage } = current()
    const upload = await SampleUpload.begin(storage, 3_000_000)
    const seen: Buffer[] = []
    const target = { onPiece: (piece: Buffer) => void seen.push(Buffer.from(piece)), signal: never }
    await storage.writeChunk(upload.sink, upload.slot(0), bodyOf(upload.bytes), target)
    expect(Buffer.concat(seen).equals(upload.bytes)).toBe(true)
  })

  it('takes a body that ends early or has ended before as it is, for the caller to judge', async () => {
    const upload = await SampleUpload.begin(current().storage, threeChunks)
    await upload.write(0, bodyOf(upload.bytes.subarray(0, 10)))
    const ended = bodyOf(Buffer.alloc(0)).resume()
    await once(ended, 'end')
    await upload.write(1, ended)
    await upload.writeAll()
    expect((await upload.contents(await upload.seal(1))).equals(upload.bytes)).toBe(true)
  })

  it('leaves no listener on the body or the signal of a chunk it has written', async () => {
    const { storage } = current()
    const upload = await SampleUpload.begin(storage, 1_000)
    const body = bodyOf(upload.bytes)
    const before = body.eventNames()
    await upload.write(0, body)
    expect(body.eventNames()).toEqual(before)
  })
}

export function refusing(current: () => StorageFixture): void {
  /** Writes chunk 1 so that it fails, then everything rightly, and expects that the failed writing left no trace. */
  async function expectFailureWithoutTrace(
    fail: (abort: AbortController) => { body: Readable; onPiece?: () => void },
    expected: unknown,
  ): Promise<void> {
    const { storage } = current()
    const upload = await SampleUpload.begin(storage, threeChunks)
    await upload.writeAll()
    const abort = new AbortController()
    const { body, onPiece = () => undefined } = fail(abort)
    const attempt = storage.writeChunk(upload.sink, upload.slot(1), body, { onPiece, signal: abort.signal })
    await expect(attempt).rejects.toEqual(expected)
    await upload.write(1)
    body.destroy()
    expect((await upload.contents(await upload.seal(1))).equals(upload.bytes)).toBe(true)
  }

  const coded = (code: string) => expect.objectContaining({ name: 'AppError', code })
  const noise = randomBytes(sampleChunkBytes)

  it('refuses a body longer than its slot and leaves the next slot alone', () =>
    expectFailureWithoutTrace(
      () => ({ body: bodyOf(Buffer.concat([noise, noise.subarray(0, 2_000_000)])) }),
      coded('CHUNK_TOO_LARGE'),
    ))

  it('refuses a body that breaks off', () =>
    expectFailureWithoutTrace(() => {
      const body = stalledBody(noise.subarray(0, 1_000_000))
      let countPieces = 0
      return { body, onPiece: () => void (++countPieces === 3 && body.destroy()) }
    }, coded('CHUNK_TORN')))

  it('refuses a body that fails, with its error as the cause', () => {
    const cause = new Error('ECONNRESET')
    return expectFailureWithoutTrace(
      () => {
        const body = stalledBody(noise.subarray(0, 1_000_000))
        let countPieces = 0
        return { body, onPiece: () => void (++countPieces === 3 && body.destroy(cause)) }
      },
      expect.objectContaining({ code: 'CHUNK_TORN', cause }),
    )
  })

  it('refuses a body that was destroyed before', () =>
    expectFailureWithoutTrace(() => ({ body: stalledBody(noise).destroy() }), coded('CHUNK_TORN')))

  it('ends with the reason of its signal, in the middle of a body that stalls', () => {
    const reason = new Error('stalled')
    return expectFailureWithoutTrace((abort) => {
      let countPieces = 0
      return {
        body: stalledBody(noise.subarray(0, 1_000_000)),
        onPiece: () => void (++countPieces === 15 && abort.abort(reason)),
      }
    }, reason)
  })

  it('ends with the reason of a signal that was aborted before', () => {
    const reason = new Error('shutting down')
    return expectFailureWithoutTrace((abort) => {
      abort.abort(reason)
      return { body: bodyOf(noise) }
    }, reason)
  })

  it('ends with what onPiece threw, and lets the rest of the body flow away', async () => {
    const refusal = new Error('too long')
    let body = bodyOf(noise)
    await expectFailureWithoutTrace(() => {
      let countPieces = 0
      body = bodyOf(noise)
      const onPiece = () => {
        if (++countPieces === 20) throw refusal
      }
      return { body, onPiece }
    }, refusal)
    await until(() => body.destroyed)
  })

  it('takes no chunk for an upload that was removed', async () => {
    const { storage } = current()
    const upload = await SampleUpload.begin(storage, threeChunks)
    await storage.removeSink(upload.sink, { id: upload.taskId, epoch: 0 }, undefined)
    await expect(upload.write(0)).rejects.toEqual(coded('UPLOAD_ENDED'))
  })
}
