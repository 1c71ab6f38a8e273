import { countAttempt, forgetAttempts } from '../db/attempts.ts'
import { type Query, type Sql, transact } from '../db/connect.ts'
import {
  changeUsage,
  findQuota,
  holdUsage,
  listAccountUsage,
  noteTokenLimit,
  type PoolUsageRow,
  type QuotaRow,
  unlimitedBytes,
  type UsageChange,
} from '../db/usage.ts'
import { bookUsage, findDrift } from '../db/usage-check.ts'
import type { PoolUsageView, QuotaView, UsageView } from '../contract/quota.ts'
import { AppError } from '../errors.ts'
import type { Log } from '../log.ts'

/** What is allowed to an account of which neither an administrator nor a token said anything. */
export type QuotaRules = { defaultLimitBytes: number }

const dayMs = 24 * 3_600_000

/**
 * Notes that an account gets more, if it may: in the transaction of what it gets, as the last thing that this locks. Two at
 * once take turns, so that they never think of the same free room. `tokenLimitBytes` is what its token says. Throws
 * QUOTA_EXCEEDED with the figures; the transaction must not be kept then.
 */
export async function takeFromQuota(
  query: Query,
  rules: QuotaRules,
  changes: readonly UsageChange[],
  tokenLimitBytes?: number,
): Promise<void> {
  const [accountId] = new Set(changes.map((change) => change.accountId))
  if (accountId === undefined) return
  await holdUsage(query, [accountId])
  if (tokenLimitBytes !== undefined) await noteTokenLimit(query, accountId, tokenLimitBytes)
  const before = await findQuota(query, accountId)
  await changeUsage(query, changes)
  const after = await findQuota(query, accountId)
  const requestedBytes = sumOf(after) - sumOf(before)
  const { limitBytes } = limitOf(after, rules)
  // Who has too much already may still change to less.
  if (requestedBytes <= 0 || sumOf(after) <= limitBytes) return
  throw new AppError('QUOTA_EXCEEDED', `The quota of ${limitBytes} bytes has no room for ${requestedBytes} more.`, {
    details: {
      limitBytes,
      usedBytes: before.usedBytes,
      reservedBytes: before.reservedBytes,
      availableBytes: Math.max(0, limitBytes - sumOf(before)),
      requestedBytes,
    },
  })
}

function sumOf({ usedBytes, reservedBytes }: QuotaRow): number {
  return usedBytes + reservedBytes
}

function limitOf(
  { adminLimitBytes, tokenLimitBytes }: QuotaRow,
  { defaultLimitBytes }: QuotaRules,
): { limitBytes: number; source: QuotaView['source'] } {
  if (adminLimitBytes !== null) return { limitBytes: adminLimitBytes, source: 'admin' }
  if (tokenLimitBytes !== null) return { limitBytes: tokenLimitBytes, source: 'token' }
  return { limitBytes: defaultLimitBytes, source: 'default' }
}

/** What an account may have, and what it has. `tokenLimitBytes` is what the token says that asks. */
export async function showQuota(
  query: Query,
  rules: QuotaRules,
  accountId: string,
  tokenLimitBytes?: number,
): Promise<QuotaView> {
  const row = await findQuota(query, accountId)
  const { limitBytes, source } = limitOf({ ...row, tokenLimitBytes: tokenLimitBytes ?? row.tokenLimitBytes }, rules)
  const isLimited = limitBytes < unlimitedBytes
  return {
    limitBytes: isLimited ? limitBytes : null,
    source,
    usedBytes: row.usedBytes,
    reservedBytes: row.reservedBytes,
    availableBytes: isLimited ? Math.max(0, limitBytes - sumOf(row)) : null,
  }
}

/** The same, pool by pool. */
export async function showUsage(
  query: Query,
  rules: QuotaRules,
  accountId: string,
  tokenLimitBytes?: number,
): Promise<UsageView> {
  const quota = await showQuota(query, rules, accountId, tokenLimitBytes)
  return { accountId, ...quota, pools: (await listAccountUsage(query, accountId)).map(presentPoolUsage) }
}

/** What an account has in a pool, as it is billed. */
export function presentPoolUsage(row: PoolUsageRow): PoolUsageView {
  const { poolId, poolName, costMultiplier, usedBytes, filesCount, reservedBytes, uploadsCount } = row
  const costBytes = Math.ceil(usedBytes * costMultiplier)
  return { poolId, poolName, usedBytes, filesCount, reservedBytes, uploadsCount, costMultiplier, costBytes }
}

/** Compares what is booked with what there is, once a day whoever asks, and books what there is. Answers how much differed. */
export async function checkUsageDaily(deps: { sql: Sql; log: Log }): Promise<number> {
  const check = { scope: 'usage check', subject: 'all' }
  const { count } = await countAttempt(deps.sql, check, dayMs)
  if (count !== 1) return 0
  try {
    return await mendUsage(deps)
  } catch (error) {
    // Whoever asks next makes up for it, and not only tomorrow.
    await forgetAttempts(deps.sql, check)
    throw error
  }
}

/** The same at once. Each difference is looked at again while nobody changes it, for it may be in the making. */
export async function mendUsage({ sql, log }: { sql: Sql; log: Log }): Promise<number> {
  let mended = 0
  const accountIds = new Set((await findDrift(sql, undefined)).map((drift) => drift.accountId))
  for (const accountId of accountIds) {
    await transact(sql, async (query) => {
      await holdUsage(query, [accountId])
      for (const drift of await findDrift(query, accountId)) {
        await bookUsage(query, drift)
        log.warn(drift, 'usage was booked wrong and has been mended')
        mended++
      }
    })
  }
  return mended
}
