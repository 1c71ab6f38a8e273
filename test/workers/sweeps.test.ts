import { noMeters } from '../../src/metrics/meters.ts'
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config.ts'
import { insertDependencies } from '../../src/db/dependencies.ts'
import { openPools, type Pools } from '../../src/files/pools.ts'
import { type Engine, openEngine } from '../../src/queue/engine.ts'
import { registerJobs } from '../../src/tasks/define-job.ts'
import { noTracing } from '../../src/tracing/tracing.ts'
import { sweeps } from '../../workers/chores.ts'
import { Election } from '../../workers/election.ts'
import type { Chore } from '../../workers/maintenance.ts'
import { type Ledger, openLedger, silent } from '../support/ledger.ts'
import { completed, jobOf, testSealer } from '../support/worker.ts'

const dayMs = 24 * 3_600_000
const settings = {
  notify: { webhooks: { retentionMs: 3_600_000, timeoutMs: 1000 } },
  tasks: { retentionMs: 30 * dayMs },
  uploads: { staleThresholdMs: dayMs, cleanupIntervalMs: 1000 },
  auditRetentionMs: 365 * dayMs,
  storage: { orphanGraceMs: 60_000, trashRetentionMs: dayMs },
}

describe('what the elected worker sweeps', () => {
  let ledger: Ledger
  let engine: Engine
  let pools: Pools
  let folder: string

  beforeAll(async () => {
    ledger = await openLedger()
    engine = await openEngine(
      { redisUrl: undefined, databaseDirectUrl: ledger.databaseUrl, queuePrefix: 'test' },
      silent,
    )
    folder = await mkdtemp(join(tmpdir(), 'longshore-sweeps-'))
    const { storage } = loadConfig({ DATABASE_URL: ledger.databaseUrl, AUTH_JWT_SECRET: 'x'.repeat(32) })
    pools = await openPools(ledger.sql, { ...storage, dataDir: folder, readVariable: () => undefined }, silent)
  })
  afterAll(async () => {
    await engine.close()
    await ledger.close()
    await rm(folder, { recursive: true })
  })

  /** The sweeps of one worker. */
  const sweepsOf = (
    holder: string,
  ): { chores: Chore[]; election: Election; run: (name: string) => Promise<number> } => {
    const { sql } = ledger
    const registry = registerJobs([jobOf(completed)])
    const verbs = {
      signals: { send: () => {} },
      dispatcher: { admit: () => {}, admitLost: () => {} },
      meters: noMeters,
      tracing: noTracing,
      taskLimits: { openPerAccount: 100 },
      log: silent,
    }
    const election = new Election({ sql, holder, log: silent })
    const chores = sweeps(
      { sql, registry, sealer: testSealer, pools, engine, scratchParent: folder, notifiers: new Map(), ...verbs },
      settings,
      election,
    )
    return { chores, election, run: async (name) => (await chores.find((one) => one.name === name)?.run()) ?? -1 }
  }
  /** Three workers that all believe to be the elected one do the same at the same time; answers what they found in all. */
  const threeAtOnce = async (name: string): Promise<number> => {
    const found = await Promise.all(['a', 'b', 'c'].map((holder) => sweepsOf(holder).run(name)))
    return found.reduce((sum, one) => sum + one, 0)
  }
  const ended = async (status: string, agoMs: number): Promise<string> => {
    const id = await ledger.addTask()
    await ledger.sql`
      update tasks set status = ${status}, runnable = false, completed_at = now() - ${agoMs} * interval '1 millisecond'
      where id = ${id}`
    return id
  }

  it('is for that worker alone', async () => {
    const [one, other] = [sweepsOf('one'), sweepsOf('other')]
    await one.election.stand()
    await other.election.stand()
    expect(new Set(one.chores.map((chore) => chore.isDue?.()))).toEqual(new Set([true]))
    expect(new Set(other.chores.map((chore) => chore.isDue?.()))).toEqual(new Set([false]))
    await one.election.leave()
  })

  it('goes to another worker when a chore fails', async () => {
    const [one, other] = [sweepsOf('one'), sweepsOf('other')]
    await one.election.stand()
    await ledger.sql`alter table idempotency_keys rename to keys_away`
    await expect(one.run('idempotency keys')).rejects.toThrow('idempotency_keys')
    await ledger.sql`alter table keys_away rename to idempotency_keys`
    await other.election.stand()
    expect([one.election.isHeld(), other.election.isHeld()]).toEqual([false, true])
    await other.election.leave()
  })

  it('are dead claims, each once', async () => {
    const ids = await ledger.addTasks(40)
    for (const { taskId, dispatch } of await ledger.admit()) await ledger.claim(taskId, dispatch)
    for (const taskId of ids) await ledger.outlive({ taskId })
    expect(await threeAtOnce('leases')).toBe(40)
    const rows = await ledger.sql`select distinct dispatch, status from tasks where id = any(${ids}::uuid[])`
    expect(rows).toEqual([{ dispatch: 1, status: 'Pending' }])
  })

  it('are deliveries that the engine lost, each once, found by a sample as well', async () => {
    const ids = await ledger.addTasks(40, { priority: 90 })
    await ledger.admit('high')
    await ledger.sql`update tasks set admitted_at = now() - interval '3 seconds' where id = any(${ids}::uuid[])`
    expect((await threeAtOnce('wiped engine')) + (await threeAtOnce('lost deliveries'))).toBe(40)
    const rows = await ledger.sql`select distinct dispatch, admitted_at from tasks where id = any(${ids}::uuid[])`
    expect(rows).toEqual([{ dispatch: 1, admittedAt: null }])
  })

  it('are tasks whose deadline has passed, each told of once', async () => {
    const ids = await ledger.addTasks(30, { priority: 10 })
    await ledger.sql`update tasks set expired_at = now() - interval '1 second' where id = any(${ids}::uuid[])`
    expect(await threeAtOnce('deadlines')).toBeGreaterThanOrEqual(30)
    const rows = await ledger.sql`
      select status, count(*)::int as tasks, sum((select count(*) from task_events where task_id = id))::int as events
      from tasks where id = any(${ids}::uuid[]) group by status`
    expect(rows).toEqual([{ status: 'Expired', tasks: 30, events: 60 }])
  })

  it('are tasks that ended so many days ago, of every kind and more than a batch, and no others', async () => {
    const old = await Promise.all(
      ['Completed', 'Failed', 'Cancelled', 'Expired'].map((status) => ended(status, 30 * dayMs + 60_000)),
    )
    const young = await ended('Completed', 30 * dayMs - 60_000)
    const awaited = await ended('Completed', 40 * dayMs)
    const waiting = await ledger.addTask()
    await insertDependencies(ledger.sql, [{ taskId: waiting, dependsOn: awaited }])
    const many = await ledger.addTasks(1200)
    await ledger.sql`
      update tasks set status = 'Completed', runnable = false, completed_at = now() - interval '31 days'
      where id = any(${many}::uuid[])`
    expect(await threeAtOnce('ended tasks')).toBe(1204)
    const left = await ledger.sql<{ id: string }[]>`
      select id from tasks where id = any(${[...old, ...many, young, awaited, waiting]}::uuid[])`
    expect(new Set(left.map((row) => row.id))).toEqual(new Set([young, awaited, waiting]))
    const events = await ledger.sql`select 1 from task_events where task_id = any(${many}::uuid[])`
    expect(events).toHaveLength(0)
  })

  it('are answers that were kept for a repetition for 24 hours', async () => {
    for (const hours of [23.9, 24.1]) {
      await ledger.sql`
        insert into idempotency_keys (account_id, key, request_sha256, response, created_at)
        values (${randomUUID()}, ${String(hours)}, '', '[]', now() - ${hours} * interval '1 hour')`
    }
    expect(await threeAtOnce('idempotency keys')).toBe(1)
    expect(await ledger.sql`select key from idempotency_keys`).toEqual([{ key: '23.9' }])
  })

  it('are files in the trash and expired ones, and objects that no file has, all of them at once', async () => {
    const poolId = '550e8400-e29b-41d4-a716-446655440000'
    await ledger.sql`
      with given as (select gen_random_uuid() as id, n from generate_series(1, 1300) as n), stored as (
        insert into objects (id, pool_id, key, size_bytes, sha256)
        select id, ${poolId}, 'objects/00/00/' || id || '-1', 1, '' from given
      )
      insert into files (id, account_id, object_id, name, content_type, size_bytes, deleted_at, expired_at)
      select gen_random_uuid(), ${randomUUID()}, id, 'a', 'text/plain', 1,
        case when n > 100 then now() - interval '25 hours' end, case when n <= 100 then now() - interval '1 second' end
      from given`
    expect(await sweepsOf('one').run('purged files')).toBe(1300)
    expect(await ledger.sql`select 1 from files`).toHaveLength(0)
    await ledger.sql`update objects set orphaned_at = now() - interval '2 minutes'`
    expect(await threeAtOnce('orphaned objects')).toBe(1300)
    expect(await ledger.sql`select 1 from objects`).toHaveLength(0)
  })
})
