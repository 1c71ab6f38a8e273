import { createHash } from 'node:crypto'
import { systemCode } from '../errors.ts'
import { type Query, type Sql, transact } from './connect.ts'

/**
 * Names the history that transaction numbers and snapshots of this ledger belong to: the database on its server, and the
 * server's timeline, which changes when a standby takes over or an old state is restored. 12 hexadecimal digits.
 */
export async function readLedgerId(query: Query): Promise<string> {
  const server = await readServer(query)
  const timeline = await readOr(query`select substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) as answer`, '')
  return createHash('sha256').update(`${server} ${timeline}`).digest('hex').slice(0, 12)
}

/**
 * Makes a ledger that was restored from a dump this server's own: its events carry the transaction numbers of the server it
 * comes from, and would seem new again when this one's reach them. Does nothing on every other start.
 */
export async function adoptLedger(sql: Sql): Promise<'adopted' | 'known'> {
  const server = await readServer(sql)
  return transact(sql, async (query) => {
    const added = await query`insert into ledgers (server) values (${server}) on conflict do nothing`
    if (added.count === 0) return 'known'
    const others = await query`select 1 from ledgers where server <> ${server} limit 1`
    if (others.count === 0) return 'known'
    await query`update task_events set xid = '3' where xid >= pg_snapshot_xmax(pg_current_snapshot())`
    await query`update notify_feed set cursor = pg_current_snapshot()::text`
    await query`update webhooks set since = pg_current_snapshot()::text`
    await query`update push_subscriptions set since = pg_current_snapshot()::text`
    return 'adopted'
  })
}

async function readServer(query: Query): Promise<string> {
  const [row] = await query<[{ database: string }]>`
    select oid::text as database from pg_database where datname = current_database()`
  const cluster = await readOr(query`select system_identifier::text as answer from pg_control_system()`, '')
  return `${cluster}/${row.database}`
}

/** Undefined function, insufficient privilege, not supported: a Postgres that is offered as a service may not tell. */
const untold = new Set(['42883', '42501', '0A000', '55000'])

async function readOr(question: PromiseLike<readonly { answer?: unknown }[]>, otherwise: string): Promise<string> {
  try {
    const [row] = await question
    return typeof row?.answer === 'string' ? row.answer : otherwise
  } catch (error) {
    if (untold.has(systemCode(error) ?? '')) return otherwise
    throw error
  }
}
