import type { Storage } from './contract.ts'
import { copyObject } from './s3-copy.ts'
import { directAccess } from './s3-direct.ts'
import { headObject } from './s3-head.ts'
import { hasSink, listObjects } from './s3-listing.ts'
import { continueObject } from './s3-object.ts'
import { connectS3, type ReadVariable } from './s3-pool.ts'
import { probe } from './s3-probe.ts'
import { readObject } from './s3-reader.ts'
import { discardObject, listUnfinished, removeKey, removeSink } from './s3-removal.ts'
import { sealSink } from './s3-sealed.ts'
import type { S3Settings } from './s3-settings.ts'
import { createSink, writeChunk } from './s3-sink.ts'
import { S3ObjectWriter } from './s3-writer.ts'

/** S3 takes no part under 5 MiB but the last. */
const leastPartBytes = 5 * 1024 * 1024

/**
 * A pool in an S3 bucket. Asks nothing of the store yet, so that it opens also while that is away; `probe` says what is
 * wrong. `readVariable` finds the credentials that the settings name.
 */
export function openS3Storage(settings: S3Settings, readVariable: ReadVariable): Storage {
  const pool = connectS3(settings, readVariable)
  const { layout, bucket, store } = pool
  return {
    leastChunkBytes: leastPartBytes,
    createSink: (plan) => createSink(pool, plan),
    writeChunk: (sink, slot, body, target) => writeChunk(pool, sink, slot, body, target),
    sealSink: (sink, name, how) => sealSink(pool, sink, name, how),
    removeSink: (sink, last, keepKey) => removeSink(pool, sink, last, keepKey),
    createObject: async (name, givenUp) => new S3ObjectWriter(pool, name, givenUp),
    continueObject: (name, checkpoint, how) => continueObject(pool, name, checkpoint, how),
    copyObject: (name, source, signal) => copyObject(pool, name, source, signal),
    source: (key, sizeBytes) => ({ kind: 's3', store, bucket, key: layout.object(key), sizeBytes }),
    discardObject: (name) => discardObject(pool, name),
    read: (key, range) => readObject(pool, layout.object(key), range),
    remove: (key) => removeKey(pool, layout.object(key)),
    listUnfinished: () => listUnfinished(pool),
    listObjects: () => listObjects(pool),
    sizeOf: async (key) => (await headObject(pool, layout.object(key)))?.sizeBytes,
    hasSink: (sink) => hasSink(pool, sink),
    direct: directAccess(pool, settings),
    probe: () => probe(pool),
    freeBytes: async () => undefined,
  }
}
