import { randomBytes, randomUUID } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import { expect, it } from 'vitest'
import type { ObjectName, ObjectWriter, Storage } from '../../src/storage/contract.ts'
import { never, type StorageFixture } from './sample-upload.ts'

const sizes = [0, 1, 65_536, 7_000_001]

/** Objects that are written from front to back by a job. */
export function growing(current: () => StorageFixture): void {
  const named = (epoch = 1): ObjectName => ({ id: randomUUID(), epoch })

  async function stored(storage: Storage, key: string, sizeBytes: number): Promise<Buffer> {
    const stream = await storage.read(key, { startBytes: 0, lengthBytes: sizeBytes })
    if (stream === undefined) throw new Error(`There is no object at ${key}.`)
    return buffer(stream)
  }

  it.each(sizes)('holds what was written, %i bytes of it, in pieces of any size', async (sizeBytes) => {
    const { storage, countLeftovers } = current()
    const bytes = randomBytes(sizeBytes)
    const writer = await storage.createObject(named())
    await writeAll(writer, bytes)
    const { key } = await writer.publish()
    expect((await stored(storage, key, sizeBytes)).equals(bytes)).toBe(true)
    expect(await countLeftovers()).toBe(1)
  })

  it('takes no harm from a piece that is used again after it was taken', async () => {
    const { storage } = current()
    const writer = await storage.createObject(named())
    const piece = Buffer.alloc(100_000)
    for (let value = 1; value <= 30; value++) await writer.write(piece.fill(value))
    const { key } = await writer.publish()
    const bytes = await stored(storage, key, 3_000_000)
    for (let value = 1; value <= 30; value++) expect(bytes[value * 100_000 - 1]).toBe(value)
  })

  it('goes on in another claim from a checkpoint, whatever the first one still writes', async () => {
    const { storage } = current()
    const bytes = randomBytes(12_345_678)
    const early = await storage.createObject(named(1))
    await writeAll(early, bytes.subarray(0, 8_000_000))
    const checkpoint = await early.checkpoint()
    expect(checkpoint.sizeBytes).toBe(8_000_000)
    await writeAll(early, randomBytes(1_000_000))
    const seen: Buffer[] = []
    const onPiece = (piece: Buffer) => void seen.push(Buffer.from(piece))
    // What is kept in a task's row comes back as JSON.
    const kept = JSON.parse(JSON.stringify(checkpoint)) as typeof checkpoint
    const late = await storage.continueObject(named(2), kept, { onPiece, signal: never })
    expect(Buffer.concat(seen).equals(bytes.subarray(0, 8_000_000))).toBe(true)
    await early.write(randomBytes(300_000)).catch(() => {})
    await early.close()
    if (late === undefined) throw new Error('the checkpoint was not found')
    await writeAll(late, bytes.subarray(8_000_000))
    const { key } = await late.publish()
    expect((await stored(storage, key, bytes.length)).equals(bytes)).toBe(true)
  })

  it('goes on more than once', async () => {
    const { storage } = current()
    const bytes = randomBytes(3_000_000)
    let writer: ObjectWriter | undefined = await storage.createObject(named(1))
    for (let part = 0; part < 3; part++) {
      await writeAll(writer, bytes.subarray(part * 1_000_000, (part + 1) * 1_000_000))
      const checkpoint = await writer.checkpoint()
      await writer.close()
      writer = await storage.continueObject(named(part + 2), checkpoint, { onPiece: () => {}, signal: never })
      if (writer === undefined) throw new Error('the checkpoint was not found')
    }
    const { key } = await writer.publish()
    expect((await stored(storage, key, bytes.length)).equals(bytes)).toBe(true)
  })

  it('does not go on from what was discarded', async () => {
    const { storage, countLeftovers } = current()
    const name = named()
    const writer = await storage.createObject(name)
    await writeAll(writer, randomBytes(100_000))
    const checkpoint = await writer.checkpoint()
    await writer.close()
    await storage.discardObject(name)
    expect(await storage.continueObject(named(2), checkpoint, { onPiece: () => {}, signal: never })).toBeUndefined()
    expect(await countLeftovers()).toBe(0)
  })

  it('leaves nothing of what is discarded, however far it had got, and says nothing when asked again', async () => {
    const { storage, countLeftovers } = current()
    const [begun, published, never_] = [named(), named(), named()]
    const writer = await storage.createObject(begun)
    await writeAll(writer, randomBytes(9_000_000))
    await writer.close()
    await (await storage.createObject(published)).publish()
    for (const name of [begun, published, never_, begun]) await storage.discardObject(name)
    expect(await countLeftovers()).toBe(0)
  })

  it('copies from itself without reading, or says that it cannot', async () => {
    const { storage } = current()
    const bytes = randomBytes(100_000)
    const writer = await storage.createObject(named())
    await writeAll(writer, bytes)
    const { key } = await writer.publish()
    const copy = await storage.copyObject(named(), storage.source(key, bytes.length), never)
    const copied = copy ? await stored(storage, copy.key, bytes.length) : bytes
    expect(copied.equals(bytes)).toBe(true)
    await storage.remove(key)
    expect(await storage.copyObject(named(), storage.source(key, bytes.length), never)).toBeUndefined()
  })
}

/** In pieces of changing size, as a compressor gives them. */
async function writeAll(writer: ObjectWriter, bytes: Buffer): Promise<void> {
  const pieceSizes = [1, 65_521, 300_000, 17, 1_048_576]
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const piece = bytes.subarray(at, at + (pieceSizes[turn % pieceSizes.length] ?? 1))
    await writer.write(piece)
    at += piece.length
  }
}
