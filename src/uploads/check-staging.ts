import type { Sql } from '../db/connect.ts'
import { countEndedSinks, listReceivingUploads, type ReceivingUpload } from '../db/inventory.ts'
import { findUnknownIds } from '../db/uploads.ts'
import type { Findings } from '../files/findings.ts'
import type { Storage } from '../storage/contract.ts'
import { type ControlDeps, expire } from '../tasks/control.ts'
import type { ClearDeps } from './clear.ts'
import { oldInBatches, sweepLeftoverSinks } from './sweep.ts'

export type StagingCheck = {
  sql: Sql
  poolId: string
  storage: Storage
  findings: Findings
  graceMs: number
  mends: boolean
}

const batch = 100
/** So many uploads are looked for at once. */
const looksAtOnce = 16

/** Looks for what lies unfinished in a pool and is nobody's. Mended, it is removed. */
export async function checkUnknownStaging(check: StagingCheck): Promise<void> {
  const { sql, poolId, storage, findings, graceMs, mends } = check
  for await (const old of oldInBatches(storage, graceMs)) {
    const unknown = new Set(await findUnknownIds(sql, [...new Set(old.map(({ id }) => id))]))
    for (const one of old.filter(({ id }) => unknown.has(id))) {
      if (mends) await one.discard()
      const sample = `${one.id}, begun ${one.beganAt.toISOString()}`
      findings.add({ kind: 'staging-without-task', poolId, sample, isMended: mends })
    }
  }
}

/** Looks for staging of uploads that ended long ago, which the sweep ought to have removed. Mended, it does so now. */
export async function checkEndedStaging(
  deps: ClearDeps & { findings: Findings },
  { graceMs, mends }: { graceMs: number; mends: boolean },
): Promise<void> {
  const before = await countEndedSinks(deps.sql, graceMs)
  if (mends) await sweepLeftoverSinks(deps)
  const after = new Map((await countEndedSinks(deps.sql, graceMs)).map(({ poolId, count }) => [poolId, count]))
  for (const { poolId, count, taskId } of before) {
    const left = Math.min(count, after.get(poolId) ?? 0)
    const found = { kind: 'ended-upload-staging', poolId, sample: `upload ${taskId}` } as const
    if (left > 0) deps.findings.add({ ...found, count: left })
    if (mends && count > left) deps.findings.add({ ...found, count: count - left, isMended: true })
  }
}

/**
 * Looks for uploads that wait for chunks while the pool has nothing of them any more: they can never be finished. Mended, they
 * expire, and their clients are told so.
 */
export async function checkLostStaging(deps: ControlDeps, check: StagingCheck): Promise<void> {
  const { sql, poolId, findings, mends } = check
  for (let afterId: string | null = null; ; ) {
    const page: ReceivingUpload[] = await listReceivingUploads(sql, { poolId, afterId, limit: batch })
    const gone = await withoutStaging(check, page)
    for (const { taskId, accountId, fileSizeBytes } of gone) {
      if (mends) await expire(deps, { taskId, accountId }, 'What was uploaded is gone from the pool.')
      const sample = `upload ${taskId} of account ${accountId}`
      findings.add({ kind: 'upload-without-staging', poolId, sample, bytes: fileSizeBytes, isMended: mends })
    }
    afterId = page.at(-1)?.taskId ?? null
    if (page.length < batch) return
  }
}

/** Those whose staging is gone, also at a second look at what still receives: it may have been finished or cancelled meanwhile. */
async function withoutStaging(check: StagingCheck, page: readonly ReceivingUpload[]): Promise<ReceivingUpload[]> {
  const suspects = await lookFor(check.storage, page)
  if (suspects.length === 0) return []
  const ids = suspects.map(({ taskId }) => taskId)
  return lookFor(check.storage, await listReceivingUploads(check.sql, { poolId: check.poolId, ids }))
}

async function lookFor(storage: Storage, uploads: readonly ReceivingUpload[]): Promise<ReceivingUpload[]> {
  const gone: ReceivingUpload[] = []
  for (let at = 0; at < uploads.length; at += looksAtOnce) {
    const some = uploads.slice(at, at + looksAtOnce)
    const isThere = await Promise.all(some.map(({ sinkKey }) => storage.hasSink(sinkKey)))
    gone.push(...some.filter((_, index) => isThere[index] === false))
  }
  return gone
}
