import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openStage, type Stage } from '../support/stage.ts'
import { until } from '../support/system.ts'
import { createTask, showTask, untilStatus, verb, withTestTypes } from '../support/tasks.ts'

describe('a run that ignores its signal', () => {
  let stage: Stage
  let folder: string

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'longshore-deaf-'))
    stage = await openStage({ env: withTestTypes })
  })
  afterAll(async () => {
    await stage.close()
    await rm(folder, { recursive: true, force: true })
  })

  it('loses its slot after 10 s, and what it answers afterwards counts for nothing', async () => {
    const client = await stage.client()
    const start = async (forMs: number, priority: number) => {
      const notes = join(folder, `p${priority}`)
      const taskId = await createTask(client, 'Deaf', { forMs, notes }, { priority })
      const read = () => readFile(notes, 'utf8').catch(() => '')
      await until(async () => ((await read()) === '' ? undefined : true))
      return { taskId, read }
    }
    const [cancelled, paused] = await Promise.all([start(12_000, 50), start(12_000, 0)])
    await verb(client, cancelled.taskId, 'cancel')
    await verb(client, paused.taskId, 'pause')
    // A deaf run holds the only slot of its band.
    const next = await createTask(client, 'Echo', {}, { priority: 50 })
    await untilStatus(client, next, 'Completed', 11_500)
    expect(await cancelled.read()).toBe('begin 1\n')
    await until(async () => ((await cancelled.read()).includes('end 1') ? true : undefined))
    await until(async () => ((await paused.read()).includes('end 1') ? true : undefined))
    const last = await createTask(client, 'Echo', {}, { priority: 0 })
    await untilStatus(client, last, 'Completed')
    expect(await showTask(client, cancelled.taskId)).toMatchObject({ status: 'Cancelled', results: null })
    expect(await showTask(client, paused.taskId)).toMatchObject({ status: 'Paused', results: null })
    expect(await stage.eventTypes(cancelled.taskId)).toEqual(['task.created', 'task.started', 'task.cancelled'])
  })
})
