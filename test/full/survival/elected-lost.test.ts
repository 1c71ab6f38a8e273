import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { TestClient } from '../../support/client.ts'
import type { TestProcess } from '../../support/process.ts'
import { openStage, type Stage } from '../../support/stage.ts'
import { until } from '../../support/system.ts'
import { untilStatus, verb, withTestTypes } from '../../support/tasks.ts'

describe('the worker that was elected to sweep', () => {
  let stage: Stage
  let client: TestClient

  beforeAll(async () => {
    stage = await openStage({ workers: 3, env: withTestTypes })
    client = await stage.client()
  })
  afterEach(() => {
    for (const worker of stage.system.workers) worker.kill('SIGCONT')
  })
  afterAll(() => stage.close())

  const holder = async (): Promise<TestProcess | undefined> => {
    const [row] = await stage.sql<{ holder: string | null }[]>`select holder from elections where until > now()`
    return stage.system.workers.find((worker) => row?.holder?.includes(`-${worker.pid}-`))
  }
  it.each(['SIGKILL', 'SIGSTOP'] as const)('is replaced after a %s, and its tasks go on', async (signal) => {
    const elected = await until(holder)
    const tasks = Array.from({ length: 6 }, () => ({ type: 'Count', parameters: { to: 400 } }))
    const { body } = await client.call('POST', '/api/tasks/batch', { body: { tasks } })
    const created = (body['tasks'] as { taskId: string }[]).map((task) => task.taskId)
    const own = await until(async () => {
      const rows = await stage.sql<{ id: string }[]>`
        select id from tasks where id = any(${created}::uuid[]) and claimed_by like ${`%-${elected.pid}-%`}
          and checkpoint is not null`
      return rows.length > 0 ? rows.map((row) => row.id) : undefined
    })
    // What the others run is cancelled, so that they have slots to go on with the rest.
    for (const taskId of created.filter((id) => !own.includes(id))) await verb(client, taskId, 'cancel')
    elected.kill(signal)
    const next = await until(async () => {
      const worker = await holder()
      return worker === elected ? undefined : worker
    })
    expect(next).toBeDefined()
    await until(async () => {
      const rows = await stage.sql`select 1 from tasks where id = any(${own}::uuid[]) and epoch = 2`
      return rows.length === own.length || undefined
    })
    // One that wakes up is a worker like any other, and what it had begun to sweep did no harm.
    elected.kill('SIGCONT')
    const [first = ''] = own
    const { results } = await untilStatus(client, first, 'Completed', 25_000)
    expect(results).toMatchObject({ reached: 400, beganAt: [0, expect.any(Number)] })
    for (const taskId of own.slice(1)) await verb(client, taskId, 'cancel')
    if (signal === 'SIGKILL') await stage.system.startWorker()
  })

  it('leaves the office to another at once when it stops in order', async () => {
    const elected = await until(holder)
    elected.kill('SIGTERM')
    await elected.exited
    const leftAt = performance.now()
    await until(holder)
    expect(performance.now() - leftAt).toBeLessThan(1000)
  })
})
