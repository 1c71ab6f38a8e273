import { z } from 'zod'
import type { Query } from '../db/connect.ts'
import { setBundle } from '../db/file-changes.ts'
import type { FileRow } from '../db/files.ts'
import { copyForMove, objectsToCopy, switchForMove } from '../files/move.ts'
import { type OutputDeps, TaskOutputs } from '../files/outputs.ts'
import { findSources, requireUnchanged } from '../files/sources.ts'
import { defineJob, type Job, type JobContext, Permanent } from '../tasks/define-job.ts'
import { fileIds, requireBundle, uuid } from './parameters.ts'

const parameters = z
  .strictObject({ fileIds, targetPoolId: uuid.optional(), targetBundleId: uuid.nullish() })
  .refine((given) => given.targetPoolId !== undefined || given.targetBundleId !== undefined, {
    error: 'needs targetPoolId, targetBundleId, or both',
  })

/**
 * Moves files to another pool, another bundle, or both. Bytes are copied and verified first; every file changes over in the
 * transaction that ends the task. What stays behind is removed after a grace period, for others may be reading it.
 * An interrupted move goes on with the first object that was not copied.
 */
export function fileMove(deps: OutputDeps): Job {
  return defineJob({
    type: 'FileMove',
    title: 'Move files',
    parameters,
    results: z.object({ filesProcessed: z.number() }),
    run: async ({ targetPoolId, targetBundleId, ...given }, context) => {
      const { sql, accountId } = context
      const files = await findSources(sql, { accountId, fileIds: given.fileIds })
      if (typeof targetBundleId === 'string') await requireBundle(sql, { id: targetBundleId, accountId })
      const outputs = await TaskOutputs.open(deps, context)
      const move = targetPoolId === undefined ? undefined : { files, targetPoolId }
      if (move) await copyForMove(deps, outputs, move, { signal: context.signal, onBytes: progressOf(move, context) })
      return {
        kind: 'completed',
        results: { filesProcessed: files.length },
        commit: async (query) => {
          await requireUnchanged(query, files)
          if (move) expectAll(files, await switchForMove(query, outputs, move))
          if (targetBundleId !== undefined) await moveToBundle(query, { accountId, files }, targetBundleId)
        },
      }
    },
  })
}

function progressOf(move: Parameters<typeof objectsToCopy>[0], { progress }: Pick<JobContext, 'progress'>) {
  const totalBytes = objectsToCopy(move).reduce((sum, file) => sum + file.sizeBytes, 0)
  let doneBytes = 0
  return (countBytes: number): void => {
    doneBytes += countBytes
    progress((100 * doneBytes) / Math.max(1, totalBytes))
  }
}

async function moveToBundle(
  query: Query,
  { accountId, files }: { accountId: string; files: readonly FileRow[] },
  bundleId: string | null,
): Promise<void> {
  expectAll(files, await setBundle(query, { accountId, fileIds: files.map((file) => file.id) }, bundleId))
}

function expectAll(files: readonly FileRow[], moved: readonly string[]): void {
  if (moved.length === files.length) return
  throw new Permanent('SOURCE_CHANGED', 'A file was deleted or moved by somebody else while it was being moved.')
}
