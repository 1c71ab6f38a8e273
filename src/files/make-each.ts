import { randomUUID } from 'node:crypto'
import type { Query } from '../db/connect.ts'
import type { FileRow } from '../db/files.ts'
import type { JobContext } from '../tasks/define-job.ts'
import { type OutputDeps, type OutputPlan, TaskOutputs } from './outputs.ts'

/** Results may have 256 KiB. */
const mostShown = 5000

/** For a task's results: the ids of the first files, as many as these have room for, and how many there are. */
export type MadeResults = { resultFileIds: string[]; resultFilesCount: number }

export type MadeFiles = {
  results: MadeResults
  /** Makes the files, named as told, beside those they were made of; in the transaction that ends the task. */
  commit: (query: Query, name: (file: FileRow) => { name: string; contentType: string }) => Promise<void>
}

/**
 * Makes one new file of each given one, in the pool where that lies. An interrupted run goes on with the first that was not
 * finished. `transform` is handed the file and is told to count what it has read; what it throws leaves nothing of that file.
 */
export async function makeOfEach(
  deps: OutputDeps,
  files: readonly FileRow[],
  context: Pick<JobContext, 'taskId' | 'epoch' | 'signal' | 'progress'>,
  transform: (file: FileRow, onRead: (countBytes: number) => void) => Promise<AsyncIterable<Buffer>>,
): Promise<MadeFiles> {
  const outputs = await TaskOutputs.open(deps, context)
  const totalBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0)
  let doneBytes = 0
  const onRead = (countBytes: number): void => {
    doneBytes += countBytes
    context.progress((100 * doneBytes) / Math.max(1, totalBytes))
  }
  try {
    for (const file of files) {
      context.signal.throwIfAborted()
      if (outputs.finished(file.id)) onRead(file.sizeBytes)
      else await makeOutput(outputs, { slot: file.id, poolId: file.poolId }, () => transform(file, onRead))
    }
  } catch (error) {
    await outputs.flush().catch(() => {})
    throw error
  }
  const made = files.map((file) => ({ file, fileId: randomUUID() }))
  return {
    results: resultsOf(made),
    commit: (query, name) =>
      outputs.commit(
        query,
        made.map(({ file, fileId }) => {
          const { bundleId, expiredAt } = file
          return { slot: file.id, fileId, ...name(file), bundleId, expiredAt }
        }),
      ),
  }
}

/** Makes one output of what `transform` answers. What fails leaves nothing of it. */
export async function makeOutput(
  outputs: TaskOutputs,
  plan: OutputPlan,
  transform: () => Promise<AsyncIterable<Buffer>>,
): Promise<void> {
  const output = await outputs.begin(plan)
  try {
    for await (const piece of await transform()) await output.write(piece)
    await output.finish()
  } catch (error) {
    await output.abandon()
    throw error
  }
}

/** What a task that made these files says of them. */
export function resultsOf(made: readonly { fileId: string }[]): MadeResults {
  return { resultFileIds: made.slice(0, mostShown).map(({ fileId }) => fileId), resultFilesCount: made.length }
}
