import { expect, it } from 'vitest'
import { openDatabase } from '../../src/db/connect.ts'
import { createDatabase } from '../support/postgres.ts'
import { describeWithPooler } from '../support/pooler.ts'

describeWithPooler('statements behind PgBouncer', () => {
  it('are all answered, also those with parameters that are asked for beside others without', async () => {
    const { env, drop } = await createDatabase({ pooled: true })
    const options = { name: 'test', maxConnections: 1, preparesStatements: false }
    const { sql, close } = openDatabase(env['DATABASE_URL'], options)
    await sql`select 1`
    for (let round = 1; round <= 5; round++) {
      // The first is under way when the second is asked for, on the only connection there is.
      const [first, second] = await Promise.all([
        sql`select 'one' as answer, pg_sleep(0.001)`,
        sql`select ${round}::int as answer`,
      ])
      expect([first[0]?.['answer'], second[0]?.['answer']]).toEqual(['one', round])
    }
    const together = await sql.begin((query) => Promise.all([query`select 1 as one`, query`select ${2}::int as two`]))
    expect(together.flat()).toEqual([{ one: 1 }, { two: 2 }])
    await close()
    await drop()
  })
})
