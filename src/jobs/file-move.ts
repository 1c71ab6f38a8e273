import { z } from 'zod'
import type { Query } from '../db/connect.ts'
import { type FileRow, setBundle } from '../db/files.ts'
import { ownsBundle } from '../db/pools.ts'
import { type OutputDeps, TaskOutputs } from '../files/outputs.ts'
import { copySource, findSources } from '../files/sources.ts'
import { defineJob, type Job, type JobContext, Permanent } from '../tasks/define-job.ts'
import { fileIds } from './parameters.ts'

const parameters = z
  .strictObject({
    fileIds,
    targetPoolId: z.uuid().toLowerCase().optional(),
    targetBundleId: z.uuid().toLowerCase().nullish(),
  })
  .refine((given) => given.targetPoolId !== undefined || given.targetBundleId !== undefined, {
    error: 'needs targetPoolId, targetBundleId, or both',
  })

type Move = z.infer<typeof parameters>

/**
 * Moves files to another pool, another bundle, or both. Bytes are copied and verified first; every file changes over in the
 * transaction that ends the task. What stays behind is removed after a grace period, for others may be reading it.
 * An interrupted move goes on with the first file that was not copied.
 */
export function fileMove(deps: OutputDeps): Job {
  return defineJob({
    type: 'FileMove',
    title: 'Move files',
    parameters,
    results: z.object({ filesProcessed: z.number() }),
    run: async (move, context) => {
      const files = await findSources(context.sql, { accountId: context.accountId, fileIds: move.fileIds })
      await requireBundle(context, move)
      const outputs = await TaskOutputs.open(deps, context)
      const away = move.targetPoolId === undefined ? [] : files.filter((file) => file.poolId !== move.targetPoolId)
      await copyAway(deps, outputs, { files: away, poolId: move.targetPoolId ?? '' }, context)
      return {
        kind: 'completed',
        results: { filesProcessed: files.length },
        commit: (query) => commit(query, { outputs, files, away, move, accountId: context.accountId }),
      }
    },
  })
}

async function requireBundle({ sql, accountId }: JobContext, { targetBundleId }: Move): Promise<void> {
  if (targetBundleId == null || (await ownsBundle(sql, { id: targetBundleId, accountId }))) return
  throw new Permanent('BUNDLE_NOT_FOUND', `There is no bundle ${targetBundleId}.`)
}

async function copyAway(
  deps: OutputDeps,
  outputs: TaskOutputs,
  { files, poolId }: { files: readonly FileRow[]; poolId: string },
  { signal, progress }: JobContext,
): Promise<void> {
  // Files on one object are one copy.
  const objects = new Map(files.map((file) => [file.objectId, file]))
  const totalBytes = [...objects.values()].reduce((sum, file) => sum + file.sizeBytes, 0)
  let doneBytes = 0
  const onBytes = (countBytes: number): void => {
    doneBytes += countBytes
    progress(totalBytes === 0 ? 100 : (100 * doneBytes) / totalBytes)
  }
  for (const file of objects.values()) {
    if (outputs.finished(file.objectId)) onBytes(file.sizeBytes)
    else await copySource(deps, outputs, { plan: { slot: file.objectId, poolId }, file }, { signal, onBytes })
  }
}

type Moved = {
  outputs: TaskOutputs
  files: readonly FileRow[]
  away: readonly FileRow[]
  move: Move
  accountId: string
}

async function commit(query: Query, { outputs, files, away, move, accountId }: Moved): Promise<void> {
  const switches = [...new Set(away.map((file) => file.objectId))].map((objectId) => {
    return { slot: objectId, fromObjectId: objectId }
  })
  const ids = away.map((file) => file.id)
  const moved = await outputs.switch(query, switches, ids)
  if (moved.length < ids.length) {
    throw new Permanent('SOURCE_CHANGED', 'A file was deleted or moved by somebody else while it was being moved.')
  }
  if (move.targetBundleId !== undefined) {
    const fileIds = files.map((file) => file.id)
    const count = await setBundle(query, { accountId, fileIds, bundleId: move.targetBundleId })
    if (count < files.length) throw new Permanent('SOURCE_MISSING', 'A file was deleted while it was being moved.')
  }
}
