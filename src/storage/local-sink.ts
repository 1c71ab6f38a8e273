import { access, type FileHandle, open, rename, rm } from 'node:fs/promises'
import { AppError, systemCode } from '../errors.ts'
import type { ObjectName, SinkKey } from './contract.ts'
import { onMedium, storageFailure, unlessAbsent } from './failure.ts'
import { fileMode } from './local-disk.ts'
import { copySuffix, type LocalLayout } from './local-layout.ts'

/** Makes the file that collects an upload's bytes, with its full length but without blocks on the disk. */
export async function createSink(layout: LocalLayout, plan: { taskId: string; sizeBytes: number }): Promise<SinkKey> {
  const path = layout.sink(plan.taskId)
  const handle = await openNew(path)
  try {
    await onMedium(() => handle.truncate(plan.sizeBytes))
  } catch (error) {
    await rm(path, { force: true })
    throw error
  } finally {
    await handle.close()
  }
  return plan.taskId
}

/** Opens an upload's file for one chunk. Fails with UPLOAD_ENDED when it was sealed or removed. */
export async function openSink(layout: LocalLayout, sink: SinkKey): Promise<FileHandle> {
  const handle = await onMedium(() => unlessAbsent(() => open(layout.sink(sink), 'r+')))
  if (handle !== undefined) return handle
  await assertPresent(layout)
  throw new AppError('UPLOAD_ENDED', 'This upload takes no more chunks.')
}

/**
 * Gives the upload's file a name that belongs to this claim alone, wherever earlier claims left it: among the sinks, or
 * published without having been committed. Writers and earlier claims no longer find it under the names they know.
 * Answers its path. Fails with UPLOAD_FAILED when there is none.
 */
export async function takeSink(layout: LocalLayout, sink: SinkKey, name: ObjectName): Promise<string> {
  const { held } = layout.claim(name)
  const object = layout.object(layout.objectKey(name))
  const moves = [
    { from: held, to: held },
    { from: layout.sink(sink), to: held },
    ...epochs(name).flatMap((earlier) => {
      const claim = layout.claim(earlier)
      return [
        { from: claim.reopened, to: held },
        { from: claim.held, to: held },
      ]
    }),
    ...epochs(name).map((earlier) => ({ from: layout.object(layout.objectKey(earlier)), to: object })),
  ]
  // Twice, because an earlier claim that is still awake may move the file to where the first round has looked already.
  for (const { from, to } of [...moves, ...moves]) {
    if (await onMedium(() => isRenamed(from, to))) return to
  }
  await assertPresent(layout)
  throw lostUpload(undefined)
}

/** Removes every file of an upload but the object at `keepKey`. Absent ones are fine. */
export async function removeSink(
  layout: LocalLayout,
  sink: SinkKey,
  last: ObjectName,
  keepKey: string | undefined,
): Promise<void> {
  const paths = [layout.sink(sink), layout.sink(last.id), layout.unflushedMark(last.id)]
  for (const name of epochs(last)) {
    const { held, reopened } = layout.claim(name)
    const object = layout.object(layout.objectKey(name))
    paths.push(held, held + copySuffix, reopened, reopened + copySuffix, object + copySuffix)
    if (layout.objectKey(name) !== keepKey) paths.push(object)
  }
  for (const path of new Set(paths)) await onMedium(() => rm(path, { force: true }))
}

/** The bytes are not where this claim left them: gone, or taken by a later claim. */
export function lostUpload(cause: unknown): AppError {
  return new AppError('UPLOAD_FAILED', 'The bytes of this upload are no longer there.', { cause })
}

/** Tells a pool that is not mounted from an upload that is gone. */
async function assertPresent(layout: LocalLayout): Promise<void> {
  await onMedium(() => access(layout.uploads))
  await onMedium(() => access(layout.objects))
}

async function openNew(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'wx', fileMode)
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw storageFailure(error)
    throw new AppError('INTERNAL', 'This upload has been prepared already.', { cause: error })
  }
}

async function isRenamed(from: string, to: string): Promise<boolean> {
  return (await unlessAbsent(() => rename(from, to).then(() => true))) ?? false
}

/** The claims up to this one, the latest first. */
function epochs({ id, epoch }: ObjectName): ObjectName[] {
  return Array.from({ length: epoch }, (_, index) => ({ id, epoch: epoch - index }))
}
