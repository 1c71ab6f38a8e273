import { errorMonitor } from 'node:events'
import type { ObjectWriter, SealedSink, Storage } from './contract.ts'

/** A storage that does what the given one does, and tells `onFailure` of every error before its caller learns of it. */
export function observed(storage: Storage, onFailure: (error: unknown) => void): Storage {
  const told = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work
    } catch (error) {
      onFailure(error)
      throw error
    }
  }
  async function* each<T>(items: AsyncIterable<T>): AsyncGenerator<T> {
    try {
      yield* items
    } catch (error) {
      onFailure(error)
      throw error
    }
  }
  const sink = (sealed: SealedSink): SealedSink => ({
    missing: sealed.missing,
    read: (range, signal) => each(sealed.read(range, signal)),
    publish: () => told(sealed.publish()),
    reopen: (damaged) => told(sealed.reopen(damaged)),
  })
  const object = (writer: ObjectWriter): ObjectWriter => ({
    write: (piece) => told(writer.write(piece)),
    checkpoint: () => told(writer.checkpoint()),
    publish: () => told(writer.publish()),
    close: () => told(writer.close()),
  })
  return {
    leastChunkBytes: storage.leastChunkBytes,
    createSink: (plan) => told(storage.createSink(plan)),
    writeChunk: (...chunk) => told(storage.writeChunk(...chunk)),
    sealSink: async (...how) => sink(await told(storage.sealSink(...how))),
    removeSink: (...what) => told(storage.removeSink(...what)),
    createObject: async (...how) => object(await told(storage.createObject(...how))),
    continueObject: async (...how) => {
      const writer = await told(storage.continueObject(...how))
      return writer && object(writer)
    },
    copyObject: (...how) => told(storage.copyObject(...how)),
    source: (key, sizeBytes) => storage.source(key, sizeBytes),
    discardObject: (name) => told(storage.discardObject(name)),
    read: async (key, range) => (await told(storage.read(key, range)))?.on(errorMonitor, onFailure),
    remove: (key) => told(storage.remove(key)),
    listUnfinished: () => each(storage.listUnfinished()),
    listObjects: () => each(storage.listObjects()),
    sizeOf: (key) => told(storage.sizeOf(key)),
    hasSink: (key) => told(storage.hasSink(key)),
    direct: storage.direct,
    probe: () => told(storage.probe()),
    freeBytes: () => told(storage.freeBytes()),
  }
}
