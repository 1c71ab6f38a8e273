import { afterAll, beforeAll, expect, it } from 'vitest'
import { migrate } from '../../src/db/migrate.ts'
import { clientOf, type TestClient } from '../support/client.ts'
import { startPgBouncer, type TestPooler } from '../support/pgbouncer.ts'
import { describeWithPooler } from '../support/pooler.ts'
import { startPostgresServer, type TestPostgresServer } from '../support/postgres-server.ts'
import { startProcess } from '../support/process.ts'
import { secret, startSystem, type TestSystem, until } from '../support/system.ts'
import { createTask, untilStatus, untilTask, withTestTypes } from '../support/tasks.ts'

describeWithPooler('behind a PgBouncer in transaction mode', () => {
  let postgres: TestPostgresServer
  let pooler: TestPooler | undefined
  let system: TestSystem
  let client: TestClient

  beforeAll(async () => {
    postgres = await startPostgresServer()
    const { databaseUrl } = postgres
    await migrate(databaseUrl)
    pooler = await startPgBouncer(databaseUrl)
    if (pooler === undefined) throw new Error('there is no pgbouncer')
    const env = { DATABASE_DIRECT_URL: databaseUrl, ...withTestTypes }
    system = await startSystem({ databaseUrl: pooler.through(databaseUrl), env })
    client = await clientOf(system.urls[0] ?? '')
  })
  afterAll(async () => {
    await system.stop()
    await pooler?.stop()
    await postgres.stop()
  })

  it('what ran and what waited when Postgres was killed is completed, and nobody has to be started again', async () => {
    const running = await createTask(client, 'Count', { to: 200 })
    await untilTask(client, running, (task) => Number(task['progress']) > 0)
    const waiting = await createTask(client, 'Echo', { value: 1 }, { priority: 10 })
    await postgres.kill9()
    const refused = await client.call('POST', '/api/tasks', { body: { type: 'Echo' } })
    expect(refused).toMatchObject({ status: 503, body: { code: 'DATABASE_UNAVAILABLE' } })
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
    await postgres.start()
    const created = await until(async () => {
      const answer = await client.call('POST', '/api/tasks', { body: { type: 'Echo', parameters: { value: 2 } } })
      expect([201, 503]).toContain(answer.status)
      return answer.status === 201 ? String(answer.body['taskId']) : undefined
    })
    expect(await untilStatus(client, running, 'Completed', 30_000)).toMatchObject({ results: { reached: 200 } })
    await untilStatus(client, waiting, 'Completed')
    await untilStatus(client, created, 'Completed')
    for (const one of [...system.apis, ...system.workers]) expect(() => process.kill(one.pid, 0)).not.toThrow()
  })

  it('a worker that is not told the way past it says so and stops', async () => {
    const env = {
      DATABASE_URL: pooler?.through(postgres.databaseUrl),
      DATA_DIR: system.dataDir,
      AUTH_JWT_SECRET: secret,
      DATABASE_PREPARED_STATEMENTS: 'false',
    }
    const refused = startProcess({ file: 'workers/main.js', env })
    expect(await refused.exited).toEqual({ code: 1, signal: null })
    expect(refused.output()).toContain('longshore: DATABASE_DIRECT_URL: must lead to Postgres itself')
  })
})
