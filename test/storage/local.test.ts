import { randomBytes, randomUUID } from 'node:crypto'
import { statSync } from 'node:fs'
import { mkdtemp, readdir, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Storage } from '../../src/storage/contract.ts'
import { openLocalStorage } from '../../src/storage/local.ts'
import { openFullDisk } from '../support/full-disk.ts'
import {
  bodyOf,
  never,
  SampleUpload,
  type StorageFixture,
  stalledBody,
  threeChunks,
  until,
} from '../support/sample-upload.ts'
import { storageContract } from '../support/storage-contract.ts'

const quiet = pino({ level: 'silent' })
const ignorePieces = { onPiece: () => undefined, signal: never }

storageContract('a local pool', () => openFixture(undefined))
storageContract('a local pool with its uploads on another filesystem', () => openFixture('/dev/shm'))

describe('a local pool', () => {
  let root: string
  let storage: Storage
  let lines: string[]
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'longshore-pool-'))
    lines = []
    const log = pino({ level: 'warn' }, { write: (line) => void lines.push(line) })
    storage = await openLocalStorage({ rootPath: root, uploadsPath: undefined, log })
  })
  afterEach(() => rm(root, { recursive: true }))

  it('takes no name and no key that leads out of its folders', async () => {
    const outside = join(root, '..', 'outside')
    for (const taskId of [
      '../outside',
      outside,
      '..',
      '',
      'a/b',
      `${'0'.repeat(8)}-0000-0000-0000-${'0'.repeat(12)}/..`,
    ]) {
      await expect(storage.createSink({ taskId, sizeBytes: 1, chunkSizeBytes: 1 })).rejects.toThrow('Not the sink key')
      await expect(storage.removeSink(taskId, { id: taskId, epoch: 1 }, undefined)).rejects.toThrow('Not the sink key')
    }
    for (const key of [
      outside,
      '../outside',
      'objects/ab/cd/../../../../outside',
      'objects/ab/cd/',
      '.uploads/x',
      'objects/ab/cd/a\0',
    ]) {
      await expect(storage.read(key, { startBytes: 0, lengthBytes: 1 })).rejects.toThrow('Not the object key')
      await expect(storage.remove(key)).rejects.toThrow('Not the object key')
    }
  })

  it('refuses to prepare an upload twice', async () => {
    const plan = { taskId: randomUUID(), sizeBytes: 10, chunkSizeBytes: 10 }
    await storage.createSink(plan)
    await expect(storage.createSink(plan)).rejects.toMatchObject({ code: 'INTERNAL' })
  })

  it('refuses what an earlier claim orders once a later one has the upload', async () => {
    const upload = await SampleUpload.begin(storage, threeChunks)
    await upload.writeAll()
    const early = await upload.seal(1)
    await upload.seal(2)
    await expect(early.publish()).rejects.toMatchObject({ code: 'UPLOAD_FAILED' })
    await expect(early.reopen([0])).rejects.toMatchObject({ code: 'UPLOAD_FAILED' })
    await expect(upload.seal(1)).rejects.toMatchObject({ code: 'UPLOAD_FAILED' })
  })

  it('lets nobody but its own user read anything', async () => {
    const upload = await SampleUpload.begin(storage, 1_000)
    await upload.writeAll()
    await (await SampleUpload.begin(storage, 0).then((other) => other.seal(1))).publish()
    const entries = await readdir(root, { recursive: true })
    const modes = await Promise.all(entries.map(async (entry) => (await stat(join(root, entry))).mode & 0o077))
    expect(entries).toContain(join('.uploads', upload.sink))
    expect(modes.every((mode) => mode === 0)).toBe(true)
  })

  it('takes no room for bytes that have not come', async () => {
    const upload = await SampleUpload.begin(storage, threeChunks)
    const file = await stat(join(root, '.uploads', upload.sink))
    expect(file.size).toBe(threeChunks)
    expect(file.blocks).toBe(0)
  })

  it('does not read a body faster than it writes', async () => {
    const upload = await SampleUpload.begin(storage, 5_000_000)
    let [burstBytes, longestBytes] = [0, 0]
    const onPiece = (piece: Buffer) => {
      if (burstBytes === 0) setImmediate(() => void (burstBytes = 0))
      burstBytes += piece.length
      longestBytes = Math.max(longestBytes, burstBytes)
    }
    await storage.writeChunk(upload.sink, upload.slot(0), bodyOf(upload.bytes), { onPiece, signal: never })
    expect(longestBytes).toBeLessThan(1_500_000)
  })

  it('has no write in flight any more when it fails', async () => {
    const sizeBytes = 64 * 1024 * 1024
    const sink = await storage.createSink({ taskId: randomUUID(), sizeBytes, chunkSizeBytes: sizeBytes })
    const file = join(root, '.uploads', sink)
    const body = stalledBody(Buffer.alloc(0))
    const attempt = storage.writeChunk(sink, { index: 0, offsetBytes: 0, sizeBytes }, body, ignorePieces)
    body.push(Buffer.alloc(sizeBytes, 'late'))
    await until(() => statSync(file).blocks > 0)
    body.destroy()
    await expect(attempt).rejects.toMatchObject({ code: 'CHUNK_TORN' })
    const blocks = statSync(file).blocks
    // Writes to one file take turns, so whatever was in flight is done after this one.
    await storage.writeChunk(sink, { index: 0, offsetBytes: 0, sizeBytes: 1 }, bodyOf(Buffer.from('x')), ignorePieces)
    expect(statSync(file).blocks).toBe(blocks)
  })

  it('has no file open once its calls have ended', async () => {
    const upload = await SampleUpload.begin(storage, threeChunks)
    await upload.writeAll()
    const torn = upload.write(1, bodyOf(randomBytes(9_000_000)))
    await expect(torn).rejects.toMatchObject({ code: 'CHUNK_TOO_LARGE' })
    const sealed = await upload.seal(1, true)
    for await (const piece of sealed.read({ startBytes: 0, lengthBytes: threeChunks }, never)) {
      expect(piece.length).toBeGreaterThan(0)
      break
    }
    const { key } = await sealed.publish()
    const stream = await storage.read(key, { startBytes: 0, lengthBytes: threeChunks })
    stream?.destroy()
    await until(async () => (await openFiles(root)).length === 0)
    expect(await openFiles(root)).toEqual([])
  })

  it('flushes while an upload runs, and finishes by a verified copy when that failed', async () => {
    const upload = await SampleUpload.begin(storage, 1_000_000)
    await upload.writeAll()
    const file = join(root, '.uploads', upload.sink)
    const before = await stat(file)
    // A device that takes every write and refuses to be flushed.
    const other = await SampleUpload.begin(storage, 0)
    const otherFile = join(root, '.uploads', other.sink)
    await rm(otherFile)
    await symlink('/dev/null', otherFile)
    const longSlot = { index: 0, offsetBytes: 0, sizeBytes: 32 * 1024 * 1024 }
    await storage.writeChunk(other.sink, longSlot, bodyOf(randomBytes(10)), ignorePieces)
    await until(() => lines.length > 0)
    expect(lines[0]).toContain('flushing an upload failed')
    await until(() => isThere(`${otherFile}.unflushed`))

    await writeFile(`${file}.unflushed`, '')
    await (await upload.seal(1)).publish()
    const [object = ''] = (await readdir(join(root, 'objects'), { recursive: true })).filter((name) =>
      name.endsWith('-1'),
    )
    const after = await stat(join(root, 'objects', object))
    expect(after.ino).not.toBe(before.ino)
    expect((await readFile(join(root, 'objects', object))).equals(upload.bytes)).toBe(true)
    expect(await isThere(`${file}.unflushed`)).toBe(false)
  })

  it('does not publish what could not be flushed, and the next claim goes by a copy', async () => {
    const upload = await SampleUpload.begin(storage, 1_000_000)
    await upload.writeAll()
    const sealed = await upload.seal(1)
    await writeFile(join(root, '.uploads', `${upload.taskId}.unflushed`), '')
    await expect(sealed.publish()).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' })
    const { key } = await (await upload.seal(2)).publish()
    expect((await upload.stored(key)).equals(upload.bytes)).toBe(true)
  })

  it('tells a pool that went away from an upload that is gone', async () => {
    const upload = await SampleUpload.begin(storage, 1_000)
    await rm(join(root, '.uploads'), { recursive: true })
    await expect(upload.writeAll()).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' })
    await expect(upload.seal(1)).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' })
    await expect(storage.probe()).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' })
  })

  it('warns at the start when uploads lie on another filesystem', async () => {
    const uploadsPath = await mkdtemp('/dev/shm/longshore-uploads-')
    const log = pino({ level: 'warn' }, { write: (line) => void lines.push(line) })
    await openLocalStorage({ rootPath: root, uploadsPath, log })
    await rm(uploadsPath, { recursive: true })
    expect(lines.join('')).toContain('another filesystem')
  })
})

describe('a full disk', () => {
  // Smaller than what is written at once, so that the kernel takes a part of it before it refuses.
  it('refuses a chunk with STORAGE_FULL, and takes it once there is room', async () => {
    const disk = await openFullDisk()
    try {
      const rootPath = join(disk.path, 'pool')
      const storage = await openLocalStorage({ rootPath, uploadsPath: undefined, log: quiet })
      const upload = await SampleUpload.begin(storage, 250_000)
      await disk.fill(join(rootPath, '.uploads', upload.sink))
      await expect(upload.write(0)).rejects.toMatchObject({ code: 'STORAGE_FULL', cause: { code: 'ENOSPC' } })
      await disk.makeRoom()
      await upload.write(0)
      const { key } = await (await upload.seal(1)).publish()
      expect((await upload.stored(key)).equals(upload.bytes)).toBe(true)
    } finally {
      await disk.dispose()
    }
  })
})

async function openFixture(uploadsBase: string | undefined): Promise<StorageFixture> {
  const rootPath = await mkdtemp(join(tmpdir(), 'longshore-pool-'))
  const uploadsPath = uploadsBase === undefined ? undefined : await mkdtemp(join(uploadsBase, 'longshore-uploads-'))
  const folders = uploadsPath === undefined ? [rootPath] : [rootPath, uploadsPath]
  return {
    storage: await openLocalStorage({ rootPath, uploadsPath, log: quiet }),
    countLeftovers: async () => (await Promise.all(folders.map(countFiles))).reduce((sum, count) => sum + count, 0),
    dispose: async () => {
      for (const folder of folders) await rm(folder, { recursive: true })
    },
  }
}

async function countFiles(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).length
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}

/** The files below `root` that this process has open. */
async function openFiles(root: string): Promise<string[]> {
  const descriptors = await readdir('/proc/self/fd')
  const targets = await Promise.all(descriptors.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')))
  return targets.filter((target) => target.startsWith(root))
}
