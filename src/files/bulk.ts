import { z } from 'zod'
import { mostTags } from '../contract/file.ts'
import type { Query } from '../db/connect.ts'
import { changeTags, findInState, restoreFiles, setBundle, setExpiry, trashFiles } from '../db/file-changes.ts'
import { type FileFilter, listMeant } from '../db/file-filter.ts'
import { findFiles } from '../db/files.ts'
import { type JobContext, Permanent } from '../tasks/define-job.ts'
import { copyForMove, switchForMove } from './move.ts'
import { type OutputDeps, TaskOutputs } from './outputs.ts'

export type Operation =
  | { kind: 'delete' | 'restore' }
  | { kind: 'move'; targetPoolId?: string | undefined; targetBundleId?: string | null | undefined }
  | { kind: 'tag'; add: readonly string[]; remove: readonly string[] }
  | { kind: 'expire'; expiredAt: Date | null }

export type BulkPlan = {
  operation: Operation
  /** Report only. */
  dryRun: boolean
  targetIds: readonly string[] | undefined
  /** What is meant when there are no targetIds; its account is the one whose files may be changed. */
  filter: FileFilter & { accountId: string }
}

const item = z.object({
  id: z.string(),
  outcome: z.enum(['done', 'skipped', 'failed']),
  code: z.string().optional(),
  message: z.string().optional(),
})

export const bulkReport = z.object({
  /** Changed; in a dry run: what would be. */
  filesProcessed: z.number(),
  filesSkipped: z.number(),
  filesFailed: z.number(),
  /** What became of each file: all that were not changed first come, the others while there is room. */
  items: z.array(item),
  itemsOmitted: z.number(),
})

type Item = z.infer<typeof item>
export type BulkReport = z.infer<typeof bulkReport>
/** `at`: the last id that was dealt with; `until`: files made later are not meant. */
export type BulkCheckpoint = { at: string | null; until: string; report: BulkReport }

type Context = Pick<
  JobContext<BulkCheckpoint>,
  | 'taskId'
  | 'accountId'
  | 'permissions'
  | 'epoch'
  | 'signal'
  | 'progress'
  | 'checkpoint'
  | 'saveCheckpoint'
  | 'underClaim'
  | 'sql'
>

const pageFiles = 256
const mostItems = 1000

/** Carries an operation out, page by page. Throws the signal's reason, with everything up to the last page kept. */
export async function runBulk(deps: OutputDeps, plan: BulkPlan, context: Context): Promise<BulkReport> {
  const state = context.checkpoint ?? begin()
  const targetIds = plan.targetIds && [...plan.targetIds].sort()
  for (;;) {
    context.signal.throwIfAborted()
    const page = targetIds ? pageOf(targetIds, state.at) : await meantPage(plan, state, context)
    const last = page.at(-1)
    if (last === undefined) return state.report
    const next = await runPage(deps, plan, { page, state, last }, context)
    Object.assign(state, next)
    if (targetIds) context.progress((100 * (targetIds.indexOf(last) + 1)) / targetIds.length)
  }
}

function begin(): BulkCheckpoint {
  const report = { filesProcessed: 0, filesSkipped: 0, filesFailed: 0, items: [], itemsOmitted: 0 }
  return { at: null, until: new Date().toISOString(), report }
}

function pageOf(sortedIds: readonly string[], at: string | null): string[] {
  return sortedIds.filter((id) => at === null || id > at).slice(0, pageFiles)
}

function meantPage({ filter, operation }: BulkPlan, { at, until }: BulkCheckpoint, { sql }: Context) {
  const page = { state: stateFor(operation), cursor: at, until: new Date(until), limit: pageFiles }
  return listMeant(sql, filter, page)
}

/** Only what lies in the trash can be restored, and only what does not can be anything else. */
function stateFor(operation: Operation): 'live' | 'trash' {
  return operation.kind === 'restore' ? 'trash' : 'live'
}

async function runPage(
  deps: OutputDeps,
  plan: BulkPlan,
  { page, state, last }: { page: readonly string[]; state: BulkCheckpoint; last: string },
  context: Context,
): Promise<BulkCheckpoint> {
  const prepared = plan.dryRun ? undefined : await prepare(deps, plan, page, context)
  return context.underClaim(async (query) => {
    const { accountId } = context
    const there = new Set(await findInState(query, { accountId, fileIds: page }, stateFor(plan.operation)))
    const failed = prepared?.failed ?? new Map<string, Permanent>()
    const fileIds = [...there].filter((id) => !failed.has(id))
    const done = new Set(plan.dryRun ? fileIds : await apply(query, plan.operation, { accountId, fileIds }, prepared))
    const items = page.map((id): Item => {
      const error = failed.get(id)
      if (error) return { id, outcome: 'failed', code: error.code, message: error.message }
      return done.has(id)
        ? { id, outcome: 'done' }
        : { id, outcome: 'skipped', ...whySkipped(plan.operation, there.has(id)) }
    })
    const next = { ...state, at: last, report: added(state.report, items) }
    await context.saveCheckpoint(next, query)
    return next
  })
}

type Prepared = { outputs: TaskOutputs; failed: Map<string, Permanent> }

/** What has to be done before the transaction: for a move to a pool, the copies. */
async function prepare(
  deps: OutputDeps,
  { operation }: BulkPlan,
  page: readonly string[],
  context: Context,
): Promise<Prepared | undefined> {
  if (operation.kind !== 'move' || operation.targetPoolId === undefined) return undefined
  const { targetPoolId } = operation
  const outputs = await TaskOutputs.open(deps, context)
  const failed = new Map<string, Permanent>()
  for (const file of await findFiles(context.sql, { accountId: context.accountId, ids: page })) {
    try {
      const move = { files: [file], targetPoolId }
      await copyForMove(deps, outputs, move, { signal: context.signal, onBytes: () => {} })
    } catch (error) {
      if (!(error instanceof Permanent)) throw error
      failed.set(file.id, error)
    }
  }
  return { outputs, failed }
}

/** Answers the ids of the files that were changed. */
async function apply(
  query: Query,
  operation: Operation,
  set: { accountId: string; fileIds: readonly string[] },
  prepared: Prepared | undefined,
): Promise<string[]> {
  switch (operation.kind) {
    case 'delete':
      return trashFiles(query, set)
    case 'restore':
      return restoreFiles(query, set)
    case 'tag':
      return changeTags(query, set, operation)
    case 'expire':
      return setExpiry(query, set, operation.expiredAt)
    case 'move':
      return moveFiles(query, operation, set, prepared)
  }
}

async function moveFiles(
  query: Query,
  { targetPoolId, targetBundleId }: Extract<Operation, { kind: 'move' }>,
  { accountId, fileIds }: { accountId: string; fileIds: readonly string[] },
  prepared: Prepared | undefined,
): Promise<string[]> {
  let moved = fileIds
  if (targetPoolId !== undefined && prepared) {
    const files = await findFiles(query, { accountId, ids: fileIds })
    const isReady = (objectId: string): boolean => prepared.outputs.finished(objectId) !== undefined
    const ready = files.filter((file) => file.poolId === targetPoolId || isReady(file.objectId))
    moved = await switchForMove(query, prepared.outputs, { files: ready, targetPoolId })
  }
  return targetBundleId === undefined ? [...moved] : setBundle(query, { accountId, fileIds: moved }, targetBundleId)
}

function whySkipped({ kind }: Operation, isThere: boolean): { code: string; message: string } {
  if (isThere && kind === 'tag') return { code: 'TOO_MANY_TAGS', message: `It would have more than ${mostTags} tags.` }
  if (isThere) return { code: 'SOURCE_CHANGED', message: 'It was changed by somebody else in the meantime.' }
  if (kind === 'restore') return { code: 'FILE_NOT_FOUND', message: 'There is no such file in the trash.' }
  return { code: 'FILE_NOT_FOUND', message: 'There is no such file.' }
}

function added(report: BulkReport, items: readonly Item[]): BulkReport {
  const count = (outcome: Item['outcome']): number => items.filter((one) => one.outcome === outcome).length
  const room = mostItems - report.items.length
  const kept = [...items].sort((a, b) => Number(a.outcome === 'done') - Number(b.outcome === 'done')).slice(0, room)
  return {
    filesProcessed: report.filesProcessed + count('done'),
    filesSkipped: report.filesSkipped + count('skipped'),
    filesFailed: report.filesFailed + count('failed'),
    items: [...report.items, ...kept],
    itemsOmitted: report.itemsOmitted + items.length - kept.length,
  }
}
