import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { migrate } from '../../src/db/migrate.ts'
import { packageRoot } from '../../src/package-root.ts'
import { fillTables, listTables } from '../support/filled-tables.ts'
import { createEmptyDatabase, type EmptyDatabase } from '../support/postgres.ts'

type Row = Record<string, unknown>

describe('migrations', () => {
  let database: EmptyDatabase
  let folder: string
  let sql: postgres.Sql

  beforeAll(async () => {
    database = await createEmptyDatabase()
    folder = await mkdtemp(join(tmpdir(), 'longshore-migrations-'))
    await cp(join(packageRoot(), 'drizzle'), folder, { recursive: true })
    sql = postgres(database.databaseUrl, { max: 1, onnotice: () => {} })
  })
  afterAll(async () => {
    await sql.end()
    await database.drop()
    await rm(folder, { recursive: true })
  })

  const contents = async (): Promise<Map<string, Row[]>> => {
    const all = new Map<string, Row[]>()
    for (const table of await listTables(sql)) {
      const rows = await sql<{ row: Row }[]>`select to_jsonb(t) as row from ${sql(table)} t order by t::text`
      all.set(
        table,
        rows.map(({ row }) => row),
      )
    }
    return all
  }

  it('keep every row of every table, one after the other from the first on', async () => {
    const journalPath = join(folder, 'meta', '_journal.json')
    const journal: { entries: { tag: string }[] } = JSON.parse(await readFile(journalPath, 'utf8'))
    const lost: string[] = []
    let before = new Map<string, Row[]>()
    for (const [index, { tag }] of journal.entries.entries()) {
      await writeFile(journalPath, JSON.stringify({ ...journal, entries: journal.entries.slice(0, index + 1) }))
      await migrate(database.databaseUrl, folder)
      const after = await contents()
      for (const [table, rows] of before)
        lost.push(...whatIsLost(rows, after.get(table)).map((what) => `${tag}, ${table}: ${what}`))
      await fillTables(sql, [...after.keys()])
      before = await contents()
    }
    expect(lost).toEqual([])
    expect([...before].filter(([, rows]) => rows.length < 2)).toEqual([])
    expect(before.size).toBeGreaterThan(20)
  })

  it('give the uploads that were there their account, and the accounts what they have', async () => {
    expect(
      await sql`select 1 from uploads join tasks on id = task_id where uploads.account_id <> tasks.account_id`,
    ).toEqual([])
    const [booked] = await sql`select sum(used_bytes)::int as used, sum(files_count)::int as files from pool_usage`
    const [there] = await sql`select sum(size_bytes)::int as used, count(*)::int as files from files`
    expect(booked).toEqual(there)
  })
})

/** Rows are told apart by what they had before; columns may have gone, others may have come, and what was empty may be filled. */
function whatIsLost(before: readonly Row[], after: readonly Row[] | undefined): string[] {
  if (!after) return ['the table is gone']
  return before.flatMap((row) => {
    const isKept = after.some((other) =>
      Object.entries(row).every(
        ([name, value]) => value === null || !(name in other) || JSON.stringify(other[name]) === JSON.stringify(value),
      ),
    )
    return isKept ? [] : [`lost or changed ${JSON.stringify(row)}`]
  })
}
