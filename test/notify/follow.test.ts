import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Sql, transact } from '../../src/db/connect.ts'
import { adoptLedger } from '../../src/db/ledger-id.ts'
import { joinFeed, nextStretch } from '../../src/db/notify-feed.ts'
import { covers, sees } from '../../src/db/snapshot.ts'
import { insertWebhook, updateWebhook } from '../../src/db/webhooks.ts'
import { deriveNext } from '../../src/notify/follow.ts'
import { commitEvents, insertTask, ledgerEvents, nameOf, writeAtRandom } from '../support/event-writer.ts'
import { type Ledger, openLedger, silent } from '../support/ledger.ts'
import { createDatabase } from '../support/postgres.ts'
import { until } from '../support/system.ts'

const fields = { url: 'https://hooks.example/', description: null, eventTypes: null, enabled: true }
const quiet = { send: () => {} }

async function addWebhookTo(sql: Sql, accountId: string): Promise<string> {
  const id = randomUUID()
  await transact(sql, async (query) => {
    await joinFeed(query)
    await insertWebhook(query, { id, accountId, secret: Buffer.from('sealed') }, fields)
  })
  return id
}

describe('the event log, read for webhooks', () => {
  let ledger: Ledger
  beforeAll(async () => {
    ledger = await openLedger()
  })
  afterAll(() => ledger.close())

  const addWebhook = (accountId: string) => addWebhookTo(ledger.sql, accountId)
  const derive = async (): Promise<void> => {
    while (await deriveNext({ sql: ledger.sql, longMs: undefined, log: silent })) continue
  }
  const derived = async (webhookId: string): Promise<string[]> => {
    const rows = await ledger.sql<{ taskId: string; seq: number }[]>`
      select task_id, seq from webhook_deliveries where webhook_id = ${webhookId} order by task_id, seq`
    return rows.map(nameOf)
  }

  it('is not read at all while nobody has a webhook, nor once nobody has one any more', async () => {
    const feeds = () => ledger.sql`select 1 from notify_feed`
    expect(await deriveNext({ sql: ledger.sql, longMs: undefined, log: silent })).toBe(false)
    expect(await feeds()).toHaveLength(0)
    const id = await addWebhook(randomUUID())
    await derive()
    expect(await feeds()).toHaveLength(1)
    await ledger.sql`delete from webhooks where id = ${id}`
    await derive()
    expect(await feeds()).toHaveLength(0)
  })

  it('gives each event once, however transactions overlap and whoever reads beside', async () => {
    const { sql } = ledger
    const account = randomUUID()
    const taskIds = await Promise.all(Array.from({ length: 12 }, () => insertTask(sql, account)))
    const id = await addWebhook(account)
    const stop = new AbortController()
    const writing = Array.from({ length: 3 }, () => writeAtRandom({ sql, signals: quiet }, taskIds, stop.signal))
    const reading = [0, 1].map(async () => {
      while (!stop.signal.aborted) await derive()
    })
    await until(async () => ((await ledgerEvents(sql, taskIds)).length > 200 ? true : undefined))
    stop.abort()
    await Promise.all([...writing, ...reading])
    await derive()
    expect(await derived(id)).toEqual(await ledgerEvents(sql, taskIds))
    const order = await sql<{ position: number }[]>`
      select position from webhook_deliveries where webhook_id = ${id} order by task_id, seq`
    const byTask = await sql<{ inOrder: boolean }[]>`
      select bool_and(seq >= rank) as in_order from (
        select seq, row_number() over (partition by task_id order by position) as rank
        from webhook_deliveries where webhook_id = ${id}) as ranked`
    expect([order.length > 200, byTask[0]?.inOrder]).toEqual([true, true])
  })

  it('begins for a webhook with what commits after it, and not before', async () => {
    const { sql } = ledger
    const account = randomUUID()
    const [before, during, after] = await Promise.all([0, 1, 2].map(() => insertTask(sql, account)))
    if (!before || !during || !after) throw new Error('no tasks')
    await addWebhook(account)
    await commitEvents({ sql, signals: quiet }, [before])
    let release = (): void => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const committing = commitEvents({ sql, signals: quiet }, [during], held)
    await until(async () =>
      (await sql`select 1 from pg_stat_activity where wait_event = 'ClientRead' and state = 'idle in transaction'`)
        .length > 0
        ? true
        : undefined,
    )
    const id = await addWebhook(account)
    release()
    await committing
    await commitEvents({ sql, signals: quiet }, [after])
    await derive()
    expect(await derived(id)).toEqual([`${during} 1`, `${after} 1`].sort())
  })

  it('begins anew on a ledger that was restored from another server’s dump', async () => {
    const { sql } = ledger
    const account = randomUUID()
    const id = await addWebhook(account)
    // What the other server wrote has numbers that this one has not come to.
    await sql`update notify_feed set cursor = '900000:900000:'`
    await sql`update webhooks set since = '900000:900000:' where id = ${id}`
    await sql`insert into ledgers (server) values ('another') on conflict do nothing`
    await sql`delete from ledgers where server <> 'another'`
    expect(await adoptLedger(sql)).toBe('adopted')
    const taskId = await insertTask(sql, account)
    await commitEvents({ sql, signals: quiet }, [taskId])
    await derive()
    expect(await derived(id)).toEqual([`${taskId} 1`])
    // Should nobody have adopted it: what comes is told from then on.
    await sql`update notify_feed set cursor = '900000:900000:'`
    await derive()
    await commitEvents({ sql, signals: quiet }, [taskId])
    await derive()
    expect(await derived(id)).toEqual([`${taskId} 1`, `${taskId} 2`])
  })

  it('leaves out what came while a webhook was disabled', async () => {
    const { sql } = ledger
    const account = randomUUID()
    const [first, second] = await Promise.all([insertTask(sql, account), insertTask(sql, account)])
    const id = await addWebhook(account)
    await updateWebhook(sql, id, { ...fields, enabled: false })
    await commitEvents({ sql, signals: quiet }, [first])
    await updateWebhook(sql, id, fields)
    await commitEvents({ sql, signals: quiet }, [second])
    await derive()
    expect(await derived(id)).toEqual([`${second} 1`])
  })
})

describe('the events of accounts that have no webhook', () => {
  it('are not read', async () => {
    const database = await createDatabase()
    // One connection, so that what was read is counted when it is asked for.
    const { sql, close } = database.open({ name: 'test', maxConnections: 1 })
    const [account, strangers] = [randomUUID(), randomUUID()]
    await addWebhookTo(sql, account)
    await sql`
      insert into tasks (id, account_id, type, name, status, parameters)
      select gen_random_uuid(), ${strangers}, 'Test', 'a test', 'InProgress', '{}' from generate_series(1, 3000)`
    await sql`
      insert into task_events (task_id, seq, account_id, type, data)
      select id, 1, account_id, 'task.created', '{}' from tasks where account_id = ${strangers}`
    await commitEvents({ sql, signals: quiet }, [await insertTask(sql, account)])
    const reads = async (): Promise<number> => {
      await sql`select pg_stat_force_next_flush()`
      const [row] = await sql<[{ reads: number }]>`
        select (seq_tup_read + coalesce(idx_tup_fetch, 0))::int as reads from pg_stat_user_tables where relname = 'task_events'`
      return row.reads
    }
    const before = await reads()
    while (await deriveNext({ sql, longMs: undefined, log: silent })) continue
    expect((await reads()) - before).toBe(1)
    await close()
    await database.drop()
  })
})

describe('a stretch of the event log', () => {
  const seen = { xmin: 90, xmax: 100, running: [90, 95] }

  it('is all that is new, when that is not much', () => {
    const now = { xmin: 95, xmax: 200, running: [95, 150] }
    expect(nextStretch(seen, now)).toEqual({ seen, upto: now, isLast: true })
  })

  it('is a part of it otherwise, as somebody would have seen it then', () => {
    const now = { xmin: 95, xmax: 100_000, running: [95, 150, 90_000] }
    const { upto, isLast } = nextStretch(seen, now)
    expect(isLast).toBe(false)
    expect(upto).toEqual({ xmin: 95, xmax: 5100, running: [95, 150] })
    expect([covers(upto, seen), sees(upto, 90), sees(upto, 95), sees(upto, 5099), sees(upto, 5100)]).toEqual([
      true,
      true,
      false,
      true,
      false,
    ])
  })
})
