import { open, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { AppError, systemCode } from '../errors.ts'
import type { ByteRange, ObjectName, SealedSink, SinkKey } from './contract.ts'
import { onMedium, storageFailure, unlessAbsent } from './failure.ts'
import { makeFolder, moveFile, replaceByCopy, syncFolders } from './local-disk.ts'
import { flushFile } from './local-flush.ts'
import type { LocalLayout } from './local-layout.ts'
import { readAhead } from './local-reader.ts'
import { lostUpload, takeSink } from './local-sink.ts'

/**
 * Takes the upload's file for this claim. It is copied when `fresh` asks for it, and when a flush of it has failed: what
 * can be read of it now may exist in memory only. The signal also ends a copy that publishing has to make.
 */
export async function sealSink(
  layout: LocalLayout,
  sink: SinkKey,
  name: ObjectName,
  { fresh, signal }: { fresh: boolean; signal: AbortSignal },
): Promise<SealedSink> {
  signal.throwIfAborted()
  const path = await takeSink(layout, sink, name)
  const markPath = layout.unflushedMark(name.id)
  if (fresh || (await isThere(markPath))) {
    await ofClaim(() => replaceByCopy(path, signal))
    await onMedium(() => rm(markPath, { force: true }))
  }
  return new LocalSealedSink(layout, name, path, signal)
}

class LocalSealedSink implements SealedSink {
  /** The file has its whole length from the beginning; what was not written reads as zeros. */
  readonly missing = []
  readonly #layout: LocalLayout
  readonly #name: ObjectName
  readonly #signal: AbortSignal
  #path: string

  constructor(layout: LocalLayout, name: ObjectName, path: string, signal: AbortSignal) {
    this.#layout = layout
    this.#name = name
    this.#path = path
    this.#signal = signal
  }

  async *read(range: ByteRange, signal: AbortSignal): AsyncGenerator<Buffer> {
    const handle = await ofClaim(() => open(this.#path, 'r'))
    try {
      yield* readAhead(handle, range, signal)
    } finally {
      await handle.close()
    }
  }

  async publish(): Promise<{ key: string }> {
    const key = this.#layout.objectKey(this.#name)
    const objectPath = this.#layout.object(key)
    const markPath = this.#layout.unflushedMark(this.#name.id)
    await ofClaim(() => flushFile(this.#path, markPath))
    if (await isThere(markPath)) {
      throw new AppError('STORAGE_UNAVAILABLE', 'The bytes of this upload could not be flushed to the disk.')
    }
    await ofClaim(async () => {
      const changed = await makeFolder(dirname(objectPath))
      if (this.#path !== objectPath) await moveFile(this.#path, objectPath, this.#signal)
      this.#path = objectPath
      await syncFolders([dirname(objectPath), ...changed, this.#layout.uploads])
    })
    return { key }
  }

  async reopen(): Promise<SinkKey> {
    const { reopened, reopenedKey } = this.#layout.claim(this.#name)
    await ofClaim(async () => {
      const from = this.#path
      await moveFile(from, reopened, this.#signal)
      this.#path = reopened
      await syncFolders([this.#layout.uploads, dirname(from)])
    })
    return reopenedKey
  }
}

async function isThere(path: string): Promise<boolean> {
  return (await onMedium(() => unlessAbsent(() => stat(path)))) !== undefined
}

/** Runs what only the file's holder can do. The file being away means that a later claim has it. */
async function ofClaim<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const isAway = systemCode(error) === 'ENOENT' || (error instanceof AppError && systemCode(error.cause) === 'ENOENT')
    throw isAway ? lostUpload(error) : storageFailure(error)
  }
}
