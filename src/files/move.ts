import type { Query } from '../db/connect.ts'
import type { FileRow } from '../db/files.ts'
import type { JobContext } from '../tasks/define-job.ts'
import { keepFinished } from './keep-finished.ts'
import type { OutputDeps, TaskOutputs } from './outputs.ts'
import { copyPlan, copySource } from './sources.ts'

export type PoolMove = { files: readonly FileRow[]; targetPoolId: string }

/** The objects that have to be copied, each once however many of the files share it. */
export function objectsToCopy({ files, targetPoolId }: PoolMove): FileRow[] {
  const away = files.filter((file) => file.poolId !== targetPoolId)
  return [...new Map(away.map((file) => [file.objectId, file])).values()]
}

/** Copies and verifies what the move needs and no earlier claim has copied. `onBytes` is told how far it is. */
export async function copyForMove(
  deps: OutputDeps,
  outputs: TaskOutputs,
  move: PoolMove,
  { signal, onBytes }: Pick<JobContext, 'signal'> & { onBytes: (countBytes: number) => void },
): Promise<void> {
  await keepFinished(outputs, async () => {
    for (const file of move.files) {
      if (file.poolId !== move.targetPoolId) await outputs.requireClaim(move.targetPoolId, file)
    }
    for (const file of objectsToCopy(move)) {
      signal.throwIfAborted()
      const plan = copyPlan(file, move.targetPoolId)
      if (outputs.finished(file.objectId)) onBytes(file.sizeBytes)
      else await copySource(deps, outputs, { plan, file }, { signal, onBytes })
    }
  })
}

/** Has the files refer to their copies. Answers the ids of those that lie in the target pool now. */
export async function switchForMove(query: Query, outputs: TaskOutputs, move: PoolMove): Promise<string[]> {
  const switches = objectsToCopy(move).map(({ objectId }) => ({ slot: objectId, fromObjectId: objectId }))
  const there = move.files.filter((file) => file.poolId === move.targetPoolId).map((file) => file.id)
  if (switches.length === 0) return there
  const away = move.files.filter((file) => file.poolId !== move.targetPoolId).map((file) => file.id)
  return [...there, ...(await outputs.switch(query, switches, away))]
}
