import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { untilEnded } from '../support/job-files.ts'
import { openStage, type Stage } from '../support/stage.ts'
import { createTask, verb, withTestTypes } from '../support/tasks.ts'

const password = `correct horse ${randomBytes(8).toString('hex')}`

describe('a task with a secret', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await openStage({ env: withTestTypes })
  })
  afterAll(() => stage.close())

  /** Everything the ledger holds, as text. */
  async function wholeLedger(): Promise<string> {
    const tables = await stage.sql<{ name: string }[]>`
      select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname not in ('pg_catalog', 'information_schema')`
    const dumps = await Promise.all(
      tables.map(({ name }) =>
        stage.sql.unsafe(`select coalesce(string_agg(t::text, E'\\n'), '') as text from ${name} t`),
      ),
    )
    return JSON.stringify(dumps)
  }

  const keptFor = (taskId: string) => stage.sql`select 1 from task_secrets where task_id = ${taskId}`

  it('has it while it runs, and nobody else ever does', async () => {
    const client = await stage.client()
    const taskId = await createTask(client, 'Secretive', { password, hint: 'animal' })
    const task = await untilEnded(client, taskId)
    expect(task).toMatchObject({ status: 'Completed', results: { lengthChars: password.length } })
    expect(task['parameters']).toEqual({ hint: 'animal' })
    expect(await wholeLedger()).not.toContain(password)
    for (const one of [...stage.system.apis, ...stage.system.workers]) expect(one.output()).not.toContain(password)
    expect(await keptFor(taskId)).toHaveLength(0)
  })

  it('keeps it sealed after it failed, so that it can be tried again, for a day', async () => {
    const client = await stage.client()
    const taskId = await createTask(client, 'Secretive', { password, hint: 'fail' })
    await untilEnded(client, taskId)
    expect(await keptFor(taskId)).toHaveLength(1)
    expect(await wholeLedger()).not.toContain(password)
    expect((await verb(client, taskId, 'retry')).status).toBe(200)
    await untilEnded(client, taskId)
    await stage.sql`update tasks set completed_at = completed_at - interval '25 hours' where id = ${taskId}`
    await stage.sql`delete from task_secrets where task_id = ${taskId}`
    expect(await verb(client, taskId, 'retry')).toMatchObject({
      status: 409,
      body: { code: 'SECRET_REQUIRED', details: { fields: ['password'] } },
    })
    const retry = (parameters: Record<string, unknown>) =>
      client.call('POST', `/api/tasks/${taskId}/retry`, { body: { parameters } })
    expect(await retry({ hint: 'x' })).toMatchObject({ status: 400, body: { code: 'VALIDATION_FAILED' } })
    expect((await retry({ password })).status).toBe(200)
  })

  it('loses it when it is cancelled', async () => {
    const client = await stage.client()
    const taskId = await createTask(client, 'Secretive', { password, hint: 'x' }, { after: [await blocker(client)] })
    expect(await keptFor(taskId)).toHaveLength(1)
    await verb(client, taskId, 'cancel')
    expect(await keptFor(taskId)).toHaveLength(0)
  })

  it('is refused when the secret is a reference or does not fit, without being quoted', async () => {
    const client = await stage.client()
    for (const bad of [{ $result: { taskId: await blocker(client), path: 'x' } }, 7, 'short']) {
      const body = { type: 'Secretive', parameters: { password: bad, hint: 'x' } }
      const answer = await client.call('POST', '/api/tasks', { body })
      expect(answer).toMatchObject({ status: 400, body: { details: { errors: [{ field: 'parameters.password' }] } } })
      expect(JSON.stringify(answer.body)).not.toContain('short')
    }
  })

  async function blocker(client: Awaited<ReturnType<Stage['client']>>): Promise<string> {
    return createTask(client, 'Count', { to: 1000, everyMs: 1000 })
  }
})
