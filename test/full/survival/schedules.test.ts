import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openDatabase } from '../../../src/db/connect.ts'
import type { TestClient } from '../../support/client.ts'
import { neglect } from '../../support/schedules.ts'
import { openStage, type Stage } from '../../support/stage.ts'
import { until } from '../../support/system.ts'
import { createTask, listIn, untilStatus, withTestTypes } from '../../support/tasks.ts'

const hourMs = 3_600_000

describe('schedules and the processes that serve them', () => {
  let stage: Stage
  let client: TestClient

  beforeAll(async () => {
    stage = await openStage({ env: withTestTypes, workers: 2 })
    client = await stage.client()
  })
  afterAll(() => stage.close())

  const create = async (fields: Record<string, unknown>): Promise<string> => {
    const { body } = await client.call('POST', '/api/schedules', { body: { task: { type: 'Echo' }, ...fields } })
    return String(body['scheduleId'])
  }
  const runsOf = async (id: string) => listIn(await client.call('GET', `/api/tasks?scheduleId=${id}`))

  it('each tick is run exactly once by two workers, tick after tick', async () => {
    const ids = await Promise.all(
      Array.from({ length: 20 }, () => create({ intervalSeconds: 3600, missed: 'runOnce' })),
    )
    for (let tick = 1; tick <= 3; tick++) {
      for (const id of ids) await neglect(stage.sql, id, hourMs)
      for (const id of ids) {
        await until(async () => ((await runsOf(id)).length >= tick ? true : undefined))
      }
    }
    for (const id of ids) {
      const runs = await runsOf(id)
      expect(runs).toHaveLength(3)
      expect(new Set(runs.map((run) => run['scheduledFor'])).size).toBe(3)
      for (const run of runs) {
        expect(await untilStatus(client, String(run['taskId']), 'Completed')).toMatchObject({ attempts: 1 })
      }
    }
  })

  it('a worker killed in the middle of a tick leaves nothing of it, and another makes it', async () => {
    await untilStatus(client, await createTask(client, 'Echo'), 'Completed')
    const id = await create({ cron: '@hourly', missed: 'runOnce' })
    const { sql, close } = openDatabase(stage.databaseUrl, { name: 'holder', maxConnections: 1 })
    let release = (): void => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    // A tick ends by joining the account's ring: whoever holds that row stops it after it has written the task.
    let tellHeld = (): void => {}
    const isHeld = new Promise<void>((resolve) => {
      tellHeld = resolve
    })
    const holding = sql.begin(async (query) => {
      await query`select 1 from band_accounts where account_id = ${client.account} for update`
      tellHeld()
      await held
    })
    try {
      // Not before: a tick that came first would be made.
      await isHeld
      await neglect(stage.sql, id, 2 * hourMs)
      await until(async () => {
        const waiting = await stage.sql`
          select 1 from pg_stat_activity where wait_event_type = 'Lock' and query like '%band_accounts%'
            and application_name = 'longshore worker' and datname = current_database()`
        return waiting.length > 0 ? true : undefined
      })
      for (const worker of stage.system.workers) worker.kill('SIGKILL')
      await Promise.all(stage.system.workers.map((worker) => worker.exited))
    } finally {
      release()
      await holding
      await close()
    }
    expect(await runsOf(id)).toEqual([])
    await stage.system.startWorker()
    const [run] = await until(async () => {
      const runs = await runsOf(id)
      return runs.length > 0 ? runs : undefined
    })
    await untilStatus(client, String(run?.['taskId']), 'Completed')
    expect(await runsOf(id)).toHaveLength(1)
  })
})
