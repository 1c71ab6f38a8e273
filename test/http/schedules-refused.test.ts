import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TestClient } from '../support/client.ts'
import { errorsOf } from '../support/refusal.ts'
import { nightly, schedulesOf } from '../support/schedules.ts'
import { openStage, type Stage } from '../support/stage.ts'
import { withTestTypes } from '../support/tasks.ts'

describe('a schedule that is wrong', () => {
  let stage: Stage
  let client: TestClient

  beforeAll(async () => {
    stage = await openStage({ workers: 0, env: withTestTypes })
    client = await stage.client()
  })
  afterAll(() => stage.close())

  const long = 'x'.repeat(201)
  const everybody = { sourcePoolId: randomUUID(), targetPoolId: randomUUID(), allAccounts: true }
  const past = '2001-01-01T00:00:00Z'
  const cases: [string[], Record<string, unknown>][] = [
    [['cron'], { cron: undefined }],
    [['cron'], { cron: '' }],
    [['cron'], { cron: 5 }],
    [['cron'], { cron: '* * * *' }],
    [['cron'], { cron: '* * * * * *' }],
    [['cron'], { cron: '0 25 * * *' }],
    [['cron'], { cron: '0 0 30 2 *' }],
    [['cron'], { cron: long }],
    [['timeZone'], { timeZone: 'Berlin' }],
    [['timeZone'], { timeZone: '+01:00' }],
    [['cron', 'timeZone'], { cron: 'x', timeZone: 'Mars/Olympus' }],
    [['intervalSeconds'], { intervalSeconds: 60 }],
    [['timeZone'], { cron: undefined, intervalSeconds: 60 }],
    [['intervalSeconds'], { cron: undefined, timeZone: undefined, intervalSeconds: 9 }],
    [['intervalSeconds'], { cron: undefined, timeZone: undefined, intervalSeconds: 10.5 }],
    [['intervalSeconds'], { cron: undefined, timeZone: undefined, intervalSeconds: '60' }],
    [['intervalSeconds'], { cron: undefined, timeZone: undefined, intervalSeconds: 2 ** 31 }],
    [['startsAt'], { startsAt: 'tomorrow' }],
    [['endsAt'], { endsAt: past }],
    [['endsAt'], { startsAt: '2031-01-02T00:00:00Z', endsAt: '2031-01-01T00:00:00Z' }],
    [['endsAt'], { startsAt: '2031-01-02T03:00:00Z', endsAt: '2031-01-02T04:00:00Z' }],
    [['missed'], { missed: 'all' }],
    [['overlap'], { overlap: true }],
    [['enabled'], { enabled: 'yes' }],
    [['name'], { name: long }],
    [['name'], { name: '' }],
    [['name'], { name: 'a\0b' }],
    [['task'], { task: undefined }],
    [['task.type'], { task: {} }],
    [['task.type'], { task: { type: 'Nothing' } }],
    [['task.type'], { task: { type: 'FileUpload' } }],
    [['task.parameters.number'], { task: { type: 'Echo', parameters: { number: 11 } } }],
    [['task.parameters.typo'], { task: { type: 'Echo', parameters: { typo: 1 } } }],
    [['cron', 'task.parameters.to'], { cron: 'x', task: { type: 'Count' } }],
    [['task.priority'], { task: { ...nightly.task, priority: 101 } }],
    [['task.after'], { task: { ...nightly.task, after: [] } }],
    [['task.expiredAt'], { task: { ...nightly.task, expiredAt: '2099-01-01T00:00:00Z' } }],
    [['task.deadlineSeconds'], { task: { ...nightly.task, deadlineSeconds: 0 } }],
    [
      ['task.parameters'],
      { task: { type: 'Echo', parameters: { value: { $result: { taskId: randomUUID(), path: 'a' } } } } },
    ],
    [
      ['task.parameters.password'],
      { task: { type: 'Secretive', parameters: { password: 'hunter2-hunter2', hint: 'h' } } },
    ],
    [['task.parameters'], { task: { type: 'StorageMigration', parameters: everybody } }],
    [['nextRunAt'], { nextRunAt: past }],
  ]
  it.each(cases)('is refused by %j: %j', async (fields, wrong) => {
    const { post, list } = schedulesOf(client)
    const errors = errorsOf(await post({ ...nightly, ...wrong }))
    expect(errors).toEqual(fields.map((field) => ({ field, message: expect.stringMatching(/\w/) })))
    expect((await list()).headers.get('x-total')).toBe('0')
  })
})
