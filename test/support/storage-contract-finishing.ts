import type { Readable } from 'node:stream'
import { expect, it } from 'vitest'
import { systemCode } from '../../src/errors.ts'
import {
  bodyOf,
  collect,
  never,
  SampleUpload,
  type StorageFixture,
  sampleChunkBytes,
  stalledBody,
  threeChunks,
  until,
} from './sample-upload.ts'

export function finishing(current: () => StorageFixture): void {
  it('reads any range of a sealed upload, also twice at once', async () => {
    const upload = await SampleUpload.begin(current().storage, threeChunks)
    await upload.writeAll()
    const sealed = await upload.seal(1)
    const ranges = [
      [0, 1],
      [1_048_575, 2],
      [sampleChunkBytes - 1, sampleChunkBytes + 2],
      [threeChunks - 1, 1],
      [7, 0],
    ] as const
    await Promise.all(
      ranges.map(async ([startBytes, lengthBytes]) => {
        const read = await collect(sealed.read({ startBytes, lengthBytes }, never))
        expect(read.equals(upload.bytes.subarray(startBytes, startBytes + lengthBytes))).toBe(true)
      }),
    )
  })

  it('stops reading when told to, and when the reader breaks off', async () => {
    const upload = await SampleUpload.begin(current().storage, threeChunks)
    await upload.writeAll()
    const sealed = await upload.seal(1)
    const abort = new AbortController()
    const reason = new Error('paused')
    const readAll = async () => {
      for await (const piece of sealed.read({ startBytes: 0, lengthBytes: threeChunks }, abort.signal)) {
        expect(piece.length).toBeGreaterThan(0)
        abort.abort(reason)
      }
    }
    await expect(readAll()).rejects.toBe(reason)
    for await (const piece of sealed.read({ startBytes: 0, lengthBytes: threeChunks }, never)) {
      expect(piece.length).toBeGreaterThan(0)
      break
    }
    expect((await upload.contents(sealed)).equals(upload.bytes)).toBe(true)
  })

  it('publishes once, however often it is asked, and leaves nothing else behind', async () => {
    const { storage, countLeftovers } = current()
    const upload = await SampleUpload.begin(storage, threeChunks)
    await upload.writeAll()
    const sealed = await upload.seal(1)
    const { key } = await sealed.publish()
    expect(await sealed.publish()).toEqual({ key })
    await storage.removeSink(upload.sink, { id: upload.taskId, epoch: 1 }, key)
    expect((await upload.stored(key)).equals(upload.bytes)).toBe(true)
    expect(await countLeftovers()).toBe(1)
  })

  it('removes everything of an upload that was given up, and says nothing when asked again', async () => {
    const { storage, countLeftovers } = current()
    const upload = await SampleUpload.begin(storage, threeChunks)
    await upload.writeAll()
    await (await upload.seal(1)).reopen([0])
    await (await upload.seal(2, true)).publish()
    const last = { id: upload.taskId, epoch: 3 }
    await storage.removeSink(upload.sink, last, undefined)
    await storage.removeSink(upload.sink, last, undefined)
    expect(await countLeftovers()).toBe(0)
  })
}

export function claiming(current: () => StorageFixture, takesLateChunks: boolean): void {
  /** What a claim publishes is right, and is all that is left. */
  async function expectOnlyItsObject(upload: SampleUpload, epoch: number): Promise<void> {
    const { storage, countLeftovers } = current()
    const sealed = await upload.seal(epoch)
    expect((await upload.contents(sealed)).equals(upload.bytes)).toBe(true)
    const { key } = await sealed.publish()
    await storage.removeSink(upload.sink, { id: upload.taskId, epoch }, key)
    expect((await upload.stored(key)).equals(upload.bytes)).toBe(true)
    expect(await countLeftovers()).toBe(1)
  }

  it('goes on where an earlier claim stopped before it published', async () => {
    const upload = await SampleUpload.begin(current().storage, threeChunks)
    await upload.writeAll()
    await upload.seal(1)
    await expectOnlyItsObject(upload, 3)
  })

  it('goes on where an earlier claim had published', async () => {
    const upload = await SampleUpload.begin(current().storage, threeChunks)
    await upload.writeAll()
    await (await upload.seal(1)).publish()
    await expectOnlyItsObject(upload, 2)
  })

  it('lets the same claim seal again after it had published', async () => {
    const upload = await SampleUpload.begin(current().storage, threeChunks)
    await upload.writeAll()
    await (await upload.seal(1)).publish()
    await expectOnlyItsObject(upload, 1)
  })

  it('takes no chunk any more, and an earlier claim changes nothing for it', async () => {
    const upload = await SampleUpload.begin(current().storage, threeChunks)
    await upload.writeAll()
    const early = await upload.seal(1)
    await upload.seal(2)
    const refusal = await upload.write(0).then(() => undefined, systemCode)
    expect(refusal).toBe(takesLateChunks ? undefined : 'UPLOAD_ENDED')
    // Whether a storage refuses the earlier claim is its own affair: the ledger does in any case.
    await Promise.allSettled([early.publish()])
    await Promise.allSettled([early.reopen([0])])
    await Promise.allSettled([upload.seal(1)])
    await expectOnlyItsObject(upload, 2)
  })

  it('keeps a fresh copy safe from a chunk that is still being written to the old file', async () => {
    const upload = await SampleUpload.begin(current().storage, threeChunks)
    await upload.writeAll()
    const late = await lateWriter(current(), upload)
    const sealed = await upload.seal(1, true)
    await late.finish()
    expect((await upload.contents(sealed)).equals(upload.bytes)).toBe(true)
    const { key } = await sealed.publish()
    expect((await upload.stored(key)).equals(upload.bytes)).toBe(true)
  })

  it('says that the upload failed when its bytes are nowhere', async () => {
    const { storage } = current()
    const upload = await SampleUpload.begin(storage, threeChunks)
    await storage.removeSink(upload.sink, { id: upload.taskId, epoch: 0 }, undefined)
    await expect(upload.seal(2)).rejects.toMatchObject({ code: 'UPLOAD_FAILED' })
  })

  it('does not begin for a claim that was told to stop', async () => {
    const upload = await SampleUpload.begin(current().storage, threeChunks)
    await upload.writeAll()
    const reason = new Error('cancelled')
    const options = { fresh: true, signal: AbortSignal.abort(reason) }
    const sealing = current().storage.sealSink(upload.sink, { id: upload.taskId, epoch: 1 }, options)
    await expect(sealing).rejects.toBe(reason)
    await expectOnlyItsObject(upload, 2)
  })
}

export function reopening(current: () => StorageFixture): void {
  it.each([
    { how: 'at once', fresh: false, published: false },
    { how: 'from a fresh copy', fresh: true, published: false },
    { how: 'from the object of an earlier claim', fresh: false, published: true },
  ])('takes damaged chunks anew and keeps the others, $how', async ({ fresh, published }) => {
    const { storage, countLeftovers } = current()
    const upload = await SampleUpload.begin(storage, threeChunks)
    await upload.writeAll()
    await storage.writeChunk(upload.sink, upload.slot(1), damagedBody(), { onPiece: () => undefined, signal: never })
    if (published) await (await upload.seal(1)).publish()
    upload.sink = await (await upload.seal(2, fresh)).reopen([1])
    await upload.write(1)
    const sealed = await upload.seal(3)
    expect((await upload.contents(sealed)).equals(upload.bytes)).toBe(true)
    const { key } = await sealed.publish()
    await storage.removeSink(upload.sink, { id: upload.taskId, epoch: 3 }, key)
    expect((await upload.stored(key)).equals(upload.bytes)).toBe(true)
    expect(await countLeftovers()).toBe(1)
  })

  it('finds a reopened upload although the ledger never learned its new key', async () => {
    const upload = await SampleUpload.begin(current().storage, threeChunks)
    await upload.writeAll()
    await (await upload.seal(1)).reopen([0])
    expect((await upload.contents(await upload.seal(2))).equals(upload.bytes)).toBe(true)
  })

  it('keeps a reopened fresh copy safe from a chunk that is still being written to the old file', async () => {
    const upload = await SampleUpload.begin(current().storage, threeChunks)
    await upload.writeAll()
    const late = await lateWriter(current(), upload)
    upload.sink = await (await upload.seal(1, true)).reopen([1])
    await upload.write(1)
    await late.finish()
    expect((await upload.contents(await upload.seal(2))).equals(upload.bytes)).toBe(true)
  })
}

export function objects(current: () => StorageFixture): void {
  it('streams any range of an object, and fails rather than deliver less than was asked for', async () => {
    const upload = await SampleUpload.begin(current().storage, threeChunks)
    await upload.writeAll()
    const { key } = await (await upload.seal(1)).publish()
    for (const [start, length] of [
      [0, 1],
      [1_048_575, 1_048_578],
      [threeChunks - 1, 1],
      [5, 0],
    ] as const) {
      expect((await upload.stored(key, start, length)).equals(upload.bytes.subarray(start, start + length))).toBe(true)
    }
    await expect(upload.stored(key, 0, threeChunks + 1)).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' })
  })

  it('knows an object that is not there', async () => {
    const { storage } = current()
    const upload = await SampleUpload.begin(storage, 10)
    await upload.writeAll()
    const { key } = await (await upload.seal(1)).publish()
    for (let time = 0; time < 2; time++) await storage.remove(key)
    for (const lengthBytes of [10, 0]) expect(await storage.read(key, { startBytes: 0, lengthBytes })).toBeUndefined()
  })

  it('is reachable, and being asked leaves nothing behind', async () => {
    const { storage, countLeftovers } = current()
    await storage.probe()
    expect(await countLeftovers()).toBe(0)
  })
}

function damagedBody(): Readable {
  return bodyOf(Buffer.alloc(sampleChunkBytes, 'damage'))
}

/** A chunk of wrong bytes whose writer has the file open and part of it written; `finish` lets it write the rest. */
async function lateWriter({ storage }: StorageFixture, upload: SampleUpload): Promise<{ finish: () => Promise<void> }> {
  const body = stalledBody(Buffer.alloc(2_000_000, 'late'))
  let seenBytes = 0
  const onPiece = (piece: Buffer) => void (seenBytes += piece.length)
  const writing = storage.writeChunk(upload.sink, upload.slot(1), body, { onPiece, signal: never })
  // More than a storage may hold in memory, so some of it must have gone to the file.
  await until(() => seenBytes === 2_000_000)
  await upload.write(1)
  return {
    finish: async () => {
      body.push(Buffer.alloc(2_000_000, 'late'))
      body.push(null)
      // Whether a storage refuses such a chunk is its own affair; that it spoils nothing is what counts.
      await Promise.allSettled([writing])
    },
  }
}
