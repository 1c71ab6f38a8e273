import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { Query } from '../db/connect.ts'
import type { FileRow } from '../db/files.ts'
import type { JobContext } from '../tasks/define-job.ts'
import { keepFinished } from './keep-finished.ts'
import { type OutputDeps, type OutputPlan, type OutputRun, TaskOutputs } from './outputs.ts'
import { requireUnchanged } from './sources.ts'
import { type OutputPart, wholeParts, writeParts } from './write-parts.ts'

/** Results may have 256 KiB. */
const mostShown = 5000

/** For a task's results: the ids of the first files, as many as these have room for, and how many there are. */
export type MadeResults = { resultFileIds: string[]; resultFilesCount: number }

export type MadeFiles = {
  results: MadeResults
  /** Makes the files, beside those they were made of; in the transaction that ends the task. */
  commit: (query: Query) => Promise<void>
}

/** What a file is to be that is made of another one; `isSealed`: an age file of it. */
export type Product = { name: string; contentType: string; isSealed?: boolean }

/** How one output is made; `Note` is what a later claim needs to go on with it. */
export type Making<Note> = {
  note: z.ZodType<Note>
  parts: (from: Note | undefined) => AsyncIterable<OutputPart> | Promise<AsyncIterable<OutputPart>>
}

/** What is made of each file, and how; `onRead` is to be told of what was read of it. */
export type MakingEach<Note> = {
  product: (file: FileRow) => Product
  making: (file: FileRow, onRead: (countBytes: number) => void) => Making<Note>
}

/**
 * Makes one new file of each given one, in the pool where that lies. An interrupted run goes on with the first that was not
 * finished, and within it from what was noted last. `making` is handed the file and is told to count what it has read; what
 * it throws leaves nothing of that file. The commit throws Permanent SOURCE_MISSING or SOURCE_CHANGED, naming the file, when
 * one of them is not what it was.
 */
export async function makeOfEach<Note>(
  deps: OutputDeps,
  files: readonly FileRow[],
  context: OutputRun & Pick<JobContext, 'progress'>,
  { product, making }: MakingEach<Note>,
): Promise<MadeFiles> {
  const outputs = await TaskOutputs.open(deps, context)
  const totalBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0)
  let doneBytes = 0
  const onRead = (countBytes: number): void => {
    doneBytes += countBytes
    context.progress((100 * doneBytes) / Math.max(1, totalBytes))
  }
  await keepFinished(outputs, async () => {
    for (const file of files) {
      context.signal.throwIfAborted()
      if (outputs.finished(slotOf(file))) onRead(file.sizeBytes)
      else await makeOutput(outputs, planOf(file, product(file)), making(file, onRead), context)
    }
  })
  const made = files.map((file) => ({ file, fileId: randomUUID() }))
  return {
    results: resultsOf(made),
    commit: async (query) => {
      await requireUnchanged(query, files)
      const wanted = made.map(({ file, fileId }) => {
        const { bundleId, expiredAt } = file
        const { name, contentType } = product(file)
        return { slot: slotOf(file), fileId, name, contentType, bundleId, expiredAt }
      })
      await outputs.commit(query, wanted)
    },
  }
}

function planOf(file: FileRow, { contentType, isSealed = false }: Product): OutputPlan {
  const plan = { slot: slotOf(file), poolId: file.poolId, contentType }
  return isSealed ? { ...plan, encrypts: { contentType: file.contentType, sizeBytes: file.sizeBytes } } : plan
}

/** Of a file that has other bytes now nothing is taken up. */
function slotOf({ id, sha256 }: FileRow): string {
  return `${id} ${sha256.toString('hex', 0, 8)}`
}

/** Makes one output, from its beginning or from where an earlier claim left it. */
export async function makeOutput<Note>(
  outputs: TaskOutputs,
  plan: OutputPlan,
  { note, parts }: Making<Note>,
  { signal }: Pick<JobContext, 'signal'>,
): Promise<void> {
  const resumed = await outputs.resume(plan, note)
  const output = resumed?.output ?? (await outputs.begin(plan))
  await writeParts(output, () => parts(resumed?.note), { signal })
}

/** An output that nobody can go on with: interrupted, it is made anew. */
export function madeWhole(pieces: () => AsyncIterable<Buffer> | Promise<AsyncIterable<Buffer>>): Making<never> {
  return {
    note: z.never(),
    parts: async () => wholeParts(await pieces()),
  }
}

/** What a task that made these files says of them. */
export function resultsOf(made: readonly { fileId: string }[]): MadeResults {
  return { resultFileIds: made.slice(0, mostShown).map(({ fileId }) => fileId), resultFilesCount: made.length }
}
