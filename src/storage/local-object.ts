import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { AppError } from '../errors.ts'
import type { ObjectCheckpoint, ObjectName, ObjectSource, ObjectWriter } from './contract.ts'
import { onMedium, unlessAbsent } from './failure.ts'
import { cloneDurably, fileMode, makeFolder, syncFolders, writeFully } from './local-disk.ts'
import type { LocalLayout } from './local-layout.ts'
import { readAhead } from './local-reader.ts'

/** Pieces smaller than this are gathered first: each write costs a hop to the thread pool. */
const gatherBytes = 256 * 1024
/** So often is the disk told to begin with what was written, beside the writing: at the end little is left to wait for. */
const flushEveryBytes = 32 * 1024 * 1024

/** Begins an output's file, which is worth nothing until it is published. */
export async function createObject(layout: LocalLayout, name: ObjectName): Promise<ObjectWriter> {
  const path = layout.output(name)
  // What a call of the same claim left that did not get through.
  await onMedium(() => rm(path, { force: true }))
  return new LocalObjectWriter(layout, name, await onMedium(() => open(path, 'wx', fileMode)), 0)
}

/** Begins an output's file with a copy of another's beginning, because that one's writer may still have it open. */
export async function continueObject(
  layout: LocalLayout,
  name: ObjectName,
  { name: earlier, sizeBytes }: ObjectCheckpoint,
  { onPiece, signal }: { onPiece: (piece: Buffer) => void; signal: AbortSignal },
): Promise<ObjectWriter | undefined> {
  // A claim that died between publishing it and noting that has left the whole of it among the objects.
  const source =
    (await onMedium(() => unlessAbsent(() => open(layout.output(earlier), 'r')))) ??
    (await onMedium(() => unlessAbsent(() => open(layout.object(layout.objectKey(earlier)), 'r'))))
  if (source === undefined) return undefined
  try {
    const { size } = await onMedium(() => source.stat())
    if (size < sizeBytes) return undefined
    const writer = await createObject(layout, name)
    try {
      for await (const piece of readAhead(source, { startBytes: 0, lengthBytes: sizeBytes }, signal)) {
        const writing = writer.write(piece)
        onPiece(piece)
        await writing
      }
      return writer
    } catch (error) {
      await writer.close()
      throw error
    }
  } finally {
    await source.close()
  }
}

/**
 * Shares the blocks of another local pool's object, where the filesystem can do that. Pools with which it could not are noted in
 * `unshared` and not tried again: that would cost each small file as much as half of its copy.
 */
export async function copyObject(
  layout: LocalLayout,
  name: ObjectName,
  source: ObjectSource,
  unshared: Set<string>,
): Promise<{ key: string } | undefined> {
  if (source.kind !== 'local' || unshared.has(source.rootPath)) return undefined
  const cloned = await onMedium(() => unlessAbsent(() => cloneDurably(source.path, layout.output(name))))
  if (cloned === false) unshared.add(source.rootPath)
  if (cloned !== true) return undefined
  return publishAt(layout, name)
}

/** Removes an output, wherever it has got to. */
export async function discardObject(layout: LocalLayout, name: ObjectName): Promise<void> {
  for (const path of [layout.output(name), layout.object(layout.objectKey(name))]) {
    await onMedium(() => rm(path, { force: true }))
  }
}

class LocalObjectWriter implements ObjectWriter {
  readonly #layout: LocalLayout
  readonly #name: ObjectName
  readonly #handle: FileHandle
  readonly #gathered = Buffer.allocUnsafe(gatherBytes)
  #gatheredBytes = 0
  #sizeBytes: number
  #unflushedBytes = 0
  #flushing: Promise<void> | undefined
  /** A kernel tells once that it could not write, so it is kept until somebody relies on what was written. */
  #flushFailure: { error: unknown } | undefined
  #isOpen = true

  constructor(layout: LocalLayout, name: ObjectName, handle: FileHandle, sizeBytes: number) {
    this.#layout = layout
    this.#name = name
    this.#handle = handle
    this.#sizeBytes = sizeBytes
  }

  async write(piece: Buffer): Promise<void> {
    if (this.#gatheredBytes + piece.length > gatherBytes) await this.#write(this.#takeGathered())
    this.#sizeBytes += piece.length
    if (piece.length >= gatherBytes) {
      await this.#write(piece)
      return
    }
    piece.copy(this.#gathered, this.#gatheredBytes)
    this.#gatheredBytes += piece.length
  }

  async checkpoint(): Promise<ObjectCheckpoint> {
    await this.#write(this.#takeGathered())
    await onMedium(() => this.#sync())
    return { name: this.#name, sizeBytes: this.#sizeBytes }
  }

  async publish(): Promise<{ key: string }> {
    await this.checkpoint()
    await this.close()
    return publishAt(this.#layout, this.#name)
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return
    this.#isOpen = false
    await onMedium(() => this.#handle.close())
  }

  #takeGathered(): Buffer {
    const gathered = this.#gathered.subarray(0, this.#gatheredBytes)
    this.#gatheredBytes = 0
    return gathered
  }

  async #write(bytes: Buffer): Promise<void> {
    if (bytes.length === 0) return
    await onMedium(() => writeFully(this.#handle, bytes))
    this.#unflushedBytes += bytes.length
    if (this.#unflushedBytes >= flushEveryBytes && this.#flushing === undefined) this.#flushing = this.#flushAhead()
  }

  async #flushAhead(): Promise<void> {
    this.#unflushedBytes = 0
    try {
      await this.#handle.datasync()
    } catch (error) {
      this.#flushFailure ??= { error }
    }
    this.#flushing = undefined
  }

  async #sync(): Promise<void> {
    await this.#flushing
    if (this.#flushFailure) throw this.#flushFailure.error
    await this.#handle.datasync()
  }
}

/** Gives a durable output its place among the objects. */
async function publishAt(layout: LocalLayout, name: ObjectName): Promise<{ key: string }> {
  const key = layout.objectKey(name)
  const objectPath = layout.object(key)
  const moved = await onMedium(async () => {
    const changed = await makeFolder(dirname(objectPath))
    if (!(await unlessAbsent(() => rename(layout.output(name), objectPath).then(() => true)))) return false
    await syncFolders([dirname(objectPath), ...changed])
    return true
  })
  if (!moved) throw new AppError('STORAGE_UNAVAILABLE', 'An output was removed while it was being written.')
  return { key }
}
