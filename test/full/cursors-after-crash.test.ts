import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type OwnPostgres, startOwnPostgres } from '../../scripts/stack/postgres-server.ts'
import { type Database, openDatabase } from '../../src/db/connect.ts'
import { migrate } from '../../src/db/migrate.ts'
import { decodeCursor } from '../../src/realtime/cursor.ts'
import { commitEvents, insertTask } from '../support/event-writer.ts'
import { type Client, connect, startNode } from '../support/socket-node.ts'

const deadline = { timeout: 30_000, interval: 20 }
const quiet = { signals: { send: () => {} } }
let postgres: OwnPostgres
let database: Database

beforeAll(async () => {
  // So that it owes the disk for long enough.
  postgres = await startOwnPostgres({ wal_writer_delay: '10s', autovacuum: 'off' })
  await migrate(postgres.databaseUrl)
  database = openDatabase(postgres.databaseUrl, { name: 'test', maxConnections: 2 })
})
afterAll(async () => {
  await database.close(0)
  await postgres.stop()
})

const seqs = ({ received }: Client) => received.map(({ data }) => data['seq'])

test('a client misses nothing of a ledger that crashed and gives out again the transactions that it had seen', async () => {
  const { sql } = database
  const node = await startNode(postgres.databaseUrl)
  const account = randomUUID()
  const room = `account:${account}`
  const task = await insertTask(sql, account)
  const staying = await connect(node.url, account, { rooms: [{ room }] })
  await commitEvents({ sql, ...quiet }, [task])
  await vi.waitFor(() => expect(seqs(staying)).toEqual([1]), deadline)
  // They have numbers, and nobody waits until the disk knows of them.
  for (let count = 0; count < 40; count += 1) await sql`select pg_notify('test', ${String(count)})`
  const [seen] = await sql<[{ xmax: number }]>`select pg_snapshot_xmax(pg_current_snapshot())::text::bigint as xmax`
  const client = await connect(node.url, account, { rooms: [{ room, snapshot: true }] })
  await vi.waitFor(() => expect(client.notices).toHaveLength(1), deadline)
  const after = String(client.notices[0]?.data['after'])
  expect(decodeCursor(after)?.position.seen.xmax).toBeGreaterThanOrEqual(seen.xmax)

  // So has the process itself, for those who stay.
  await vi.waitFor(async () => {
    const other = await connect(node.url, account, { rooms: [{ room }] })
    await vi.waitFor(() => expect(other.notices).toHaveLength(1), deadline)
    const place = decodeCursor(String(other.notices[0]?.data['after']))
    expect(place?.position.seen.xmax).toBeGreaterThanOrEqual(seen.xmax)
  }, deadline)
  let drops = 0
  staying.socket.on('disconnect', () => drops++)
  await postgres.kill9()
  await postgres.start()
  await vi.waitFor(() => commitEvents({ sql, ...quiet }, [task]), deadline)
  const [row] = await sql<[{ xid: number }]>`
    select xid::text::bigint as xid from task_events where task_id = ${task} and seq = 2`
  // Else this shows nothing.
  expect(row.xid).toBeLessThan(seen.xmax)

  await vi.waitFor(() => expect(seqs(staying)).toEqual([1, 2]), deadline)
  const back = await connect(node.url, account, { rooms: [{ room, after }] })
  await vi.waitFor(() => expect(seqs(back)).toEqual([2]), deadline)
  const again = await connect(node.url, account, { rooms: [{ room, after: staying.received[0]?.after }] })
  await vi.waitFor(() => expect(seqs(again)).toEqual([2]), deadline)
  await commitEvents({ sql, ...quiet }, [task])
  for (const one of [back, again]) await vi.waitFor(() => expect(seqs(one)).toEqual([2, 3]), deadline)
  await vi.waitFor(() => expect(seqs(staying)).toEqual([1, 2, 3]), deadline)
  expect(drops).toBe(0)
  // What it was told since is a place in the ledger as it is now.
  const last = await connect(node.url, account, { rooms: [{ room, after: back.received[0]?.after }] })
  await vi.waitFor(() => expect(seqs(last)).toEqual([3]), deadline)
})
