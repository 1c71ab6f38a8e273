import { randomUUID } from 'node:crypto'
import { rm, stat, statfs, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Log } from '../log.ts'
import type { Storage } from './contract.ts'
import { onMedium } from './failure.ts'
import { fileMode, makeFolder } from './local-disk.ts'
import { BackgroundFlush } from './local-flush.ts'
import { type LocalLayout, localLayout } from './local-layout.ts'
import { continueObject, copyObject, createObject, discardObject } from './local-object.ts'
import { readObject } from './local-reader.ts'
import { listUnfinished } from './local-leftovers.ts'
import { hasSink, listObjects, sizeOf } from './local-listing.ts'
import { sealSink } from './local-sealed.ts'
import { createSink, openSink, removeSink } from './local-sink.ts'
import { writeBody } from './local-writer.ts'

/**
 * A pool in the folder `rootPath`, made when it is missing. Unfinished uploads lie in `uploadsPath`, or inside the pool;
 * on another filesystem than the pool each finished upload is copied once, which is logged here.
 * Fails with STORAGE_FULL or STORAGE_UNAVAILABLE when the folders cannot be made.
 */
export async function openLocalStorage(options: {
  rootPath: string
  uploadsPath: string | undefined
  log: Log
}): Promise<Storage> {
  const { log } = options
  const root = resolve(options.rootPath)
  const layout = localLayout(root, resolve(options.uploadsPath ?? join(root, '.uploads')))
  for (const folder of [layout.objects, layout.uploads, layout.outputs]) await onMedium(() => makeFolder(folder))
  if (await isAnotherFilesystem(layout)) {
    log.warn(
      { root, uploads: layout.uploads },
      'uploads lie on another filesystem than their pool: finishing copies them',
    )
  }
  const flush = new BackgroundFlush(log)
  const unshared = new Set<string>()
  return {
    leastChunkBytes: 1,
    createSink: (plan) => createSink(layout, plan),
    writeChunk: async (sink, slot, body, target) => {
      await writeBody(openSink(layout, sink), slot, body, target)
      flush.chunkWritten(layout, sink, slot)
    },
    sealSink: (sink, name, how) => sealSink(layout, sink, name, how),
    removeSink: (sink, last, keepKey) => removeSink(layout, sink, last, keepKey),
    createObject: (name) => createObject(layout, name),
    continueObject: (name, checkpoint, how) => continueObject(layout, name, checkpoint, how),
    copyObject: (name, source) => copyObject(layout, name, source, unshared),
    source: (key, sizeBytes) => ({ kind: 'local', rootPath: root, path: layout.object(key), sizeBytes }),
    discardObject: (name) => discardObject(layout, name),
    read: async (key, range) => readObject(layout.object(key), range),
    remove: async (key) => onMedium(() => rm(layout.object(key), { force: true })),
    listUnfinished: () => listUnfinished(layout),
    listObjects: () => listObjects(layout),
    sizeOf: (key) => sizeOf(layout, key),
    hasSink: (sink) => hasSink(layout, sink),
    probe: () => probe(layout),
    freeBytes: () => onMedium(() => freeBytes(layout)),
  }
}

/** Writes and removes a small file among the objects and among the uploads. */
async function probe(layout: LocalLayout): Promise<void> {
  for (const folder of [layout.objects, layout.uploads]) {
    const path = join(folder, `.probe-${randomUUID()}`)
    try {
      await onMedium(() => writeFile(path, 'probe', { mode: fileMode }))
    } finally {
      await onMedium(() => rm(path, { force: true }))
    }
  }
}

/** What there is for anybody but root, in the folder with less of it: a byte needs room in both. */
async function freeBytes(layout: LocalLayout): Promise<number> {
  const filesystems = await Promise.all([statfs(layout.objects), statfs(layout.uploads)])
  return Math.min(...filesystems.map(({ bavail, bsize }) => bavail * bsize))
}

async function isAnotherFilesystem(layout: LocalLayout): Promise<boolean> {
  const [objects, uploads] = await onMedium(() => Promise.all([stat(layout.objects), stat(layout.uploads)]))
  return objects.dev !== uploads.dev
}
