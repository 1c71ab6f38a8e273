import type postgres from 'postgres'

type Column = { name: string; type: string; isNeeded: boolean; refTable: string | null; refColumn: string | null }

/** What a column must hold where nothing, or any value of its type, would not do: as SQL, or any value. */
const wanted: Record<string, Record<string, string>> = {
  tasks: { status: `'InProgress'` },
  upload_chunks: { received_at: 'now()' },
  schedules: { missed: `'skip'`, overlap: `'allow'`, cron: `'* * * * *'`, time_zone: `'UTC'` },
  upload_tokens: { task_id: 'any' },
}

/** The tables of the ledger. */
export async function listTables(sql: postgres.Sql): Promise<string[]> {
  const rows = await sql<{ name: string }[]>`
    select tablename as name from pg_tables where schemaname = 'public' order by tablename`
  return rows.map(({ name }) => name)
}

/** Puts two rows into each of these tables that has none, whatever their columns are by now. Fails naming what it cannot fill. */
export async function fillTables(sql: postgres.Sql, tables: readonly string[]): Promise<void> {
  let left = [...tables]
  while (left.length > 0) {
    const failures: string[] = []
    const stuck: string[] = []
    for (const table of left) {
      // What refers to a table that is still empty has its turn in the next round.
      await fill(sql, table).catch((error: unknown) => {
        stuck.push(table)
        failures.push(`${table}: ${String(error)}`)
      })
    }
    if (stuck.length === left.length) throw new Error(`say in filled-tables.ts what fits:\n${failures.join('\n')}`)
    left = stuck
  }
}

async function fill(sql: postgres.Sql, table: string): Promise<void> {
  if ((await sql`select 1 from ${sql(table)} limit 1`).length > 0) return
  const own = wanted[table] ?? {}
  const columns = (await columnsOf(sql, table)).filter(({ name, isNeeded }) => isNeeded || name in own)
  await sql.begin(async (query) => {
    for (const nth of [0, 1]) {
      const values = columns.map((column) => {
        const value = own[column.name] ?? 'any'
        return value === 'any' ? valueOf(column, nth) : value
      })
      const names = columns.map(({ name }) => `"${name}"`)
      await query.unsafe(`insert into "${table}" (${names.join(', ')}) values (${values.join(', ')})`)
    }
  })
}

function valueOf({ type, refTable, refColumn }: Column, nth: number): string {
  if (refTable !== null) return `(select "${refColumn}" from "${refTable}" order by 1 offset ${nth} limit 1)`
  if (type === 'uuid') return 'gen_random_uuid()'
  if (type.endsWith('[]')) return `'{}'`
  if (type === 'text') return `'text ${nth}'`
  if (type === 'bytea') return `'\\x0${nth}'`
  if (type === 'jsonb') return `'{"nth": ${nth}}'`
  if (type === 'boolean') return 'true'
  if (type.startsWith('timestamp')) return `now() - interval '${nth} hours'`
  return String(nth + 1)
}

/** With what a foreign key of one column refers to. Those that are generated are left out. */
async function columnsOf(sql: postgres.Sql, table: string): Promise<Column[]> {
  return sql<Column[]>`
    select a.attname as name, format_type(a.atttypid, a.atttypmod) as type,
      a.attnotnull and not a.atthasdef and a.attidentity = '' as "isNeeded",
      c.confrelid::regclass::text as "refTable", r.attname as "refColumn"
    from pg_attribute a
      left join pg_constraint c on c.conrelid = a.attrelid and c.contype = 'f' and c.conkey = array[a.attnum]
      left join pg_attribute r on r.attrelid = c.confrelid and r.attnum = c.confkey[1]
    where a.attrelid = ${table}::regclass and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
    order by a.attnum`
}
