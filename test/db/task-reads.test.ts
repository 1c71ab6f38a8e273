import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { taskStatuses } from '../../src/contract/task.ts'
import {
  admitBand,
  ensureBands,
  expireLeases,
  findUnclaimed,
  joinRings,
  readmitLost,
  sampleUnclaimed,
} from '../../src/db/admission.ts'
import { countWaiting, listBands } from '../../src/db/bands.ts'
import { claimTasks, completeTasks, renewLeases } from '../../src/db/claims.ts'
import { type Database, type Query, transact, transactReplanned } from '../../src/db/connect.ts'
import { readNewEvents } from '../../src/db/event-feed.ts'
import { listTaskEvents } from '../../src/db/events.ts'
import { listTasks, type TaskFilter } from '../../src/db/task-lists.ts'
import { insertTasks } from '../../src/db/new-tasks.ts'
import { deleteOldTasks, findOverdue } from '../../src/db/tasks.ts'
import { createDatabase, type TestDatabase } from '../support/postgres.ts'
import { countReads, flush, listUnclaimed, type Reads } from '../support/reads.ts'

/**
 * What the statements of the task path read of a full ledger, by Postgres's own count of rows: plans may be whatever they
 * like as long as they go by the right index. The first statements are run while the ledger is all but empty, because
 * Postgres keeps such plans.
 */
describe('on a ledger of 100,000 tasks', () => {
  const crowded = randomUUID()
  const listed = randomUUID()
  let database: TestDatabase
  let ledger: Database
  let sessions: Database
  let sql: Database['sql']
  let claimSql: Database['sql']

  const admit = () => transactReplanned(sql, (query) => admitBand(query, 'normal', ['Test']))
  const claim = (deliveries: readonly { taskId: string; dispatch: number }[]) => claimTasks(claimSql, 'w', deliveries)
  const claimsOf = (tasks: readonly { id: string; epoch: number }[]) =>
    tasks.map(({ id, epoch }) => ({ taskId: id, epoch, results: {} }))
  const renew = (tasks: readonly { id: string; epoch: number }[]) => renewLeases(claimSql, claimsOf(tasks))
  const complete = (tasks: readonly { id: string; epoch: number }[]) => completeTasks(claimSql, claimsOf(tasks))
  const create = (count: number) =>
    transact(sql, (query) => {
      const task = { accountId: crowded, type: 'Test', name: 'one', status: 'Pending', parameters: {} } as const
      return insertTasks(
        query,
        Array.from({ length: count }, () => ({ ...task, id: randomUUID(), priority: 50, runnable: true })),
      )
    })

  const readsOf = (work: () => Promise<unknown>): Promise<Reads> => countReads([sql, claimSql], work)

  beforeAll(async () => {
    // The counters are the server's, told by each connection: few, and none that hides behind a pooler.
    database = await createDatabase({ pooled: false })
    ledger = database.open({ name: 'test', maxConnections: 1 })
    sql = ledger.sql
    sessions = database.open({ name: 'claims', maxConnections: 1, looksUp: true })
    claimSql = sessions.sql
    await ensureBands(sql, ['high', 'normal', 'low'])
    await create(200)
    // Often enough for every plan to be one that is kept.
    for (let round = 0; round < 8; round++) {
      const deliveries = round === 0 ? await admit() : []
      await admit()
      const mine = round === 0 ? deliveries.slice(0, 16) : await listUnclaimed(sql, 16)
      const claimed = await claim(mine)
      await renew(claimed)
      await complete(claimed)
      await transactReplanned(sql, expireLeases)
      await readNewEvents(sql, await cursorOf(sql))
    }
    await fill(sql, crowded, listed)
  }, 180_000)
  afterAll(async () => {
    await Promise.all([ledger.close(), sessions.close()])
    await database.drop()
  })

  it('admits, claims, renews and completes by index, also with plans from when it was small', async () => {
    const deliveries: { taskId: string; dispatch: number }[] = []
    const admitted = await readsOf(async () => deliveries.push(...(await admit())))
    expect(deliveries.length).toBeGreaterThan(100)
    expect(Object.keys(admitted)).not.toContain('table tasks')
    expect(admitted['tasks_waiting']).toBeLessThan(3000)
    const group = deliveries.slice(0, 64)
    let claimed: { id: string; epoch: number }[] = []
    const reads = {
      claim: await readsOf(async () => (claimed = await claim(group))),
      renew: await readsOf(() => renew(claimed)),
      complete: await readsOf(() => complete(claimed)),
    }
    expect(claimed).toHaveLength(64)
    for (const [name, read] of Object.entries(reads)) {
      expect({ name, ...read }).toEqual({ name, tasks_pkey: expect.any(Number) })
      expect(read['tasks_pkey']).toBeLessThan(64 * 16)
    }
  })

  it('looks for what was lost, late or is old in the index that is for it', async () => {
    const indexOf = async (work: (query: Query) => Promise<unknown>): Promise<string[]> => {
      const reads = await readsOf(() => transactReplanned(sql, work))
      for (const count of Object.values(reads)) expect(count).toBeLessThan(3000)
      return Object.keys(reads)
    }
    expect(await indexOf((query) => findUnclaimed(query, 0, 2048))).toEqual(['tasks_admitted'])
    expect(await indexOf((query) => sampleUnclaimed(query, 0, 16))).toEqual(['tasks_admitted'])
    const [late] = await claim(await listUnclaimed(sql, 1))
    await sql`update tasks set lease_expires_at = now() - interval '1 second' where id = ${late?.id ?? ''}`
    expect((await indexOf(expireLeases)).sort()).toEqual(['tasks_leased', 'tasks_pkey'])
    const lost = await listUnclaimed(sql, 16)
    const readmitted = await readsOf(() => transactReplanned(sql, (query) => readmitLost(query, lost)))
    expect(Object.keys(readmitted)).toEqual(['tasks_pkey'])
    expect(await indexOf((query) => findOverdue(query, 500))).toEqual([])
  })

  it('reads of a list what its page shows and its total counts, whatever else there is', async () => {
    const filter: TaskFilter = { accountId: listed, sortBy: 'lastActivity', sortDescending: true, offset: 0, limit: 50 }
    await sql`vacuum analyze tasks`
    const ownTasks = 1000
    for (const more of [
      {},
      { status: 'Failed' },
      { type: 'Other' },
      { offset: 100 },
      { sortDescending: false },
    ] as const) {
      const reads = await readsOf(() => listTasks(sql, { ...filter, ...more }))
      expect(Object.keys(reads)).toEqual(['tasks_listed'])
      expect(reads['tasks_listed']).toBeLessThan(ownTasks + taskStatuses.length * 150 + 1)
    }
  })

  it('counts what waits without reading a row of it, and reads of what is under way as much as there is', async () => {
    const [{ waiting }] = await sql<[{ waiting: number }]>`
      select count(*)::int as waiting from tasks where runnable and admitted_at is null`
    // Few dead rows alone would not have it look at the indexes, and their pages would be read.
    await sql`vacuum (index_cleanup on) tasks`
    const rowsRead = async (): Promise<number> => {
      await flush([claimSql, sql])
      const [row] = await sql<[{ count: number }]>`
        select idx_tup_fetch::int as count from pg_stat_user_tables where relname = 'tasks'`
      return row.count
    }
    const before = await rowsRead()
    const counted = await readsOf(() => countWaiting(sql))
    expect(counted).toEqual({ tasks_waiting: waiting })
    expect((await rowsRead()) - before).toBe(0)
    await claim(await listUnclaimed(sql, 1))
    const underWay = await readsOf(() => listBands(sql))
    expect(Object.keys(underWay).sort()).toEqual(['tasks_admitted', 'tasks_leased'])
    for (const count of Object.values(underWay)) expect(count).toBeLessThan(3000)
  })

  it('reads of what is old enough to be removed no more than that', async () => {
    const reads = await readsOf(async () => expect(await deleteOldTasks(sql, 99_900_000, 1000)).toBeGreaterThan(80))
    expect(Object.keys(reads).sort()).toEqual(['task_events_task_id_seq_pk', 'tasks_ended', 'tasks_pkey'])
    for (const count of Object.values(reads)) expect(count).toBeLessThan(400)
  })

  it('reads of events those of the task, and those that are new', async () => {
    const [task] = await sql<{ id: string }[]>`select id from tasks where account_id = ${listed} limit 1`
    const ofOne = await readsOf(() => listTaskEvents(sql, task?.id ?? '', 0))
    expect(ofOne).toEqual({ task_events_task_id_seq_pk: 1 })
    const cursor = await cursorOf(sql)
    await create(20)
    const fresh = await readsOf(() => readNewEvents(sql, cursor))
    expect(Object.keys(fresh).sort()).toEqual(['task_events_xid', 'tasks_pkey'])
    expect(fresh['task_events_xid']).toBeLessThan(100)
    expect(fresh['tasks_pkey']).toBeLessThan(100)
  })
})

describe('on a ledger that took in 10,000 tasks at once and was never analysed', () => {
  it('reads of what waits as much as it admits or admits anew', async () => {
    const database = await createDatabase({ pooled: false })
    onTestFinished(() => database.drop())
    const { sql, close } = database.open({ name: 'test', maxConnections: 1 })
    onTestFinished(() => close())
    await sql`alter table tasks set (autovacuum_enabled = false)`
    await ensureBands(sql, ['high', 'normal', 'low'])
    const task = { accountId: randomUUID(), type: 'Test', name: 'one', status: 'Pending', parameters: {} } as const
    for (let count = 0; count < 10_000; count += 1000) {
      const some = Array.from({ length: 1000 }, () => ({ ...task, id: randomUUID(), priority: 50, runnable: true }))
      await transact(sql, (query) => insertTasks(query, some))
    }
    const deliveries: { taskId: string; dispatch: number }[] = []
    const admitted = await countReads([sql], async () => {
      deliveries.push(...(await transactReplanned(sql, (query) => admitBand(query, 'normal', ['Test']))))
    })
    expect(deliveries).toHaveLength(512)
    expect(admitted['tasks_waiting'], 'twice as many as are admitted are candidates').toBeLessThan(1100)
    const readmitted = await countReads([sql], () => transactReplanned(sql, (query) => readmitLost(query, deliveries)))
    expect(Object.keys(readmitted)).toEqual(['tasks_pkey'])
    // Each is locked and written, and has two versions of its row: mostly a page has forgotten some of the first.
    expect(readmitted['tasks_pkey']).toBeLessThanOrEqual(512 * 2 * 2)
  })
})

async function cursorOf(sql: Database['sql']): Promise<string> {
  return (await readNewEvents(sql, undefined)).cursor
}

/** 99,000 tasks of one account and 1,000 of another, most of them done, every tenth waiting; an event each. */
async function fill(sql: Database['sql'], crowded: string, listed: string): Promise<void> {
  await sql`
    with made as (
      insert into tasks (id, account_id, type, name, status, parameters, runnable, queue_key, last_seq, last_activity,
        completed_at, expired_at)
      select gen_random_uuid(), case when n % 100 = 0 then ${listed} else ${crowded} end::uuid,
        case when n % 3 = 0 then 'Other' else 'Test' end, 'one',
        case when n % 10 = 9 then 'Pending' when n / 100 % 10 = 8 then 'Failed' else 'Completed' end, '{}', n % 10 = 9, n, 1,
        now() - n * interval '1 second', case when n % 10 = 9 then null else now() - n * interval '1 second' end,
        case when n % 10 = 9 and n % 1000 = 9 then now() + interval '1 day' end
      from generate_series(1, 100000) as n
      returning id, account_id
    )
    insert into task_events (task_id, seq, account_id, type, data) select id, 1, account_id, 'task.created', '{}' from made`
  await joinRings(sql, [
    { accountId: crowded, band: 'normal' },
    { accountId: listed, band: 'normal' },
  ])
}
