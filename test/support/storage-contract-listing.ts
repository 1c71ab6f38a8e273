import { randomBytes, randomUUID } from 'node:crypto'
import { expect, it } from 'vitest'
import type { Storage, StoredObject } from '../../src/storage/contract.ts'
import { SampleUpload, type StorageFixture } from './sample-upload.ts'

/** What lies in a pool, for whoever compares it with what ought to. */
export function listing(current: () => StorageFixture): void {
  async function store(storage: Storage, sizeBytes: number): Promise<string> {
    const writer = await storage.createObject({ id: randomUUID(), epoch: 1 })
    await writer.write(randomBytes(sizeBytes))
    return (await writer.publish()).key
  }

  it('lists its objects in the order of their keys, with their sizes and times, and nothing that is unfinished', async () => {
    const { storage } = current()
    const startedMs = Date.now()
    const sizes = new Map<string, number>()
    for (const sizeBytes of [1, 20, 300, 4000]) sizes.set(await store(storage, sizeBytes), sizeBytes)
    const upload = await SampleUpload.begin(storage, 10)
    await upload.writeAll()
    const unfinished = await storage.createObject({ id: randomUUID(), epoch: 1 })
    await unfinished.write(randomBytes(10))
    await unfinished.close()
    const removed = await store(storage, 7)
    await storage.remove(removed)

    const listed = await all(storage)
    expect(listed.map(({ key, sizeBytes }) => [key, sizeBytes])).toEqual(
      [...sizes].sort(([one], [other]) => (one < other ? -1 : 1)),
    )
    for (const { modifiedAt } of listed) {
      // Stores tell whole seconds, and by a clock of their own.
      expect(Math.abs(modifiedAt.getTime() - startedMs)).toBeLessThan(60_000)
    }
    for (const [key, sizeBytes] of sizes) expect(await storage.sizeOf(key)).toBe(sizeBytes)
    expect(await storage.sizeOf(removed)).toBeUndefined()
  })

  it('lists nothing where there is nothing', async () => {
    expect(await all(current().storage)).toEqual([])
  })

  it('has an unfinished upload until it is removed, whatever its claims make of it', async () => {
    const { storage } = current()
    const upload = await SampleUpload.begin(storage, 10)
    const steps = [
      () => upload.writeAll(),
      async () => void (upload.sink = await (await upload.seal(1)).reopen([0])),
      () => upload.write(0),
      () => upload.seal(2),
      async () => (await upload.seal(3)).publish(),
    ]
    const { sink } = upload
    for (const step of steps) {
      expect([await storage.hasSink(sink), await storage.hasSink(upload.sink)]).toEqual([true, true])
      await step()
    }
    expect(await storage.hasSink(upload.sink)).toBe(true)
    const other = await SampleUpload.begin(storage, 10)
    await storage.removeSink(upload.sink, { id: upload.taskId, epoch: 3 }, undefined)
    expect([await storage.hasSink(upload.sink), await storage.hasSink(other.sink)]).toEqual([false, true])
  })
}

async function all(storage: Storage): Promise<StoredObject[]> {
  const pages: StoredObject[][] = []
  for await (const page of storage.listObjects()) pages.push(page)
  return pages.flat()
}
