import type { Sql } from '../db/connect.ts'
import { type FilelessObject, listFilelessObjects } from '../db/inventory.ts'
import { orphanObjects } from '../db/objects.ts'
import { findDrift } from '../db/usage-check.ts'
import type { Log } from '../log.ts'
import type { Findings } from './findings.ts'
import { mendUsage } from './quota.ts'
import { type FileSweepDeps, sweepOrphans } from './sweep.ts'

const pageLength = 1000

/**
 * Looks for objects that no file refers to and that the sweep ought to have removed, or does not know of. Mended, the first are
 * removed now, and of the others is noted that they have no file, so that they go after `graceMs`.
 */
export async function checkFilelessObjects(
  deps: FileSweepDeps & { findings: Findings },
  { graceMs, mends }: { graceMs: number; mends: boolean },
): Promise<void> {
  // A sweep is made every minute, and needs a while.
  const overdueMs = graceMs + 10 * 60_000
  for (let afterId: string | null = null; ; ) {
    const page: FilelessObject[] = await listFilelessObjects(deps.sql, {
      afterId,
      graceMs: overdueMs,
      limit: pageLength,
    })
    const unnoted = page.filter(({ isNoted }) => !isNoted).map(({ id }) => id)
    if (mends && unnoted.length > 0) await orphanObjects(deps.sql, unnoted)
    for (const { poolId, key, sizeBytes } of page) {
      deps.findings.add({ kind: 'object-without-file', poolId, sample: key, bytes: sizeBytes, isMended: mends })
    }
    afterId = page.at(-1)?.id ?? null
    if (page.length < pageLength) break
  }
  if (mends) await sweepOrphans(deps, graceMs)
}

/** Compares what accounts are booked to have with their files and uploads. Mended, what there is is booked. */
export async function checkUsage(
  { sql, log, findings }: { sql: Sql; log: Log; findings: Findings },
  { mends }: { mends: boolean },
): Promise<void> {
  for (const drift of await findDrift(sql, undefined)) {
    const { accountId, poolId, usedBytes, bookedUsedBytes, reservedBytes, bookedReservedBytes } = drift
    const sample =
      `account ${accountId} has ${usedBytes} bytes and is booked with ${bookedUsedBytes}, ` +
      `${reservedBytes} reserved and ${bookedReservedBytes} booked`
    const bytes = Math.abs(usedBytes - bookedUsedBytes) + Math.abs(reservedBytes - bookedReservedBytes)
    findings.add({ kind: 'usage-differs', poolId, sample, bytes, isMended: mends })
  }
  if (mends) await mendUsage({ sql, log })
}
