import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Sql } from '../../src/db/connect.ts'
import { transact } from '../../src/db/connect.ts'
import { deleteSchedule, findSchedule, type ScheduleRow } from '../../src/db/schedules.ts'
import { takeDue } from '../../src/db/ticks.ts'
import { noteWorker } from '../../src/db/workers.ts'
import { registerJobs } from '../../src/tasks/define-job.ts'
import { sweepSchedules, type TickDeps } from '../../src/tasks/ticks.ts'
import { type Ledger, openLedger, silent } from '../support/ledger.ts'
import { addDueSchedule, neglect } from '../support/schedules.ts'
import { completed, jobOf } from '../support/worker.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs

describe('ticks', () => {
  let ledger: Ledger
  let sql: Sql
  const deps = (types: readonly string[] = ['Test']): TickDeps => ({
    sql,
    signals: { send: () => {} },
    registry: registerJobs(types.map((type) => jobOf(completed, type))),
    dispatcher: { admit: () => {} },
    taskLimits: { openPerAccount: 1000 },
    log: silent,
  })
  const show = async (id: string): Promise<ScheduleRow> => {
    const [owner] = await sql<{ accountId: string }[]>`select account_id from schedules where id = ${id}`
    const found = await findSchedule(sql, { scheduleId: id, accountId: owner?.accountId ?? '' })
    if (!found) throw new Error('the schedule is gone')
    return found
  }
  const tasksOf = (id: string) =>
    sql<{ id: string; scheduledFor: Date; status: string; expiredAt: Date | null; createdAt: Date }[]>`
      select id, scheduled_for, status, expired_at, created_at from tasks where schedule_id = ${id} order by created_at`

  beforeAll(async () => {
    ledger = await openLedger()
    sql = ledger.sql
  })
  afterAll(() => ledger.close())

  it('make one task each, with three processes sweeping at the same time, many times over', async () => {
    const ids: string[] = []
    for (let at = 0; at < 130; at++) ids.push(await addDueSchedule(sql))
    for (let round = 1; round <= 5; round++) {
      const made = await Promise.all([deps(), deps(), deps()].map(sweepSchedules))
      expect(made.reduce((sum, one) => sum + one, 0)).toBe(ids.length)
      const [count] = await sql`
        select count(*)::int as tasks, count(distinct (schedule_id, scheduled_for))::int as ticks from tasks
        where schedule_id = any(${ids}::uuid[])`
      expect(count).toEqual({ tasks: ids.length * round, ticks: ids.length * round })
      for (const id of ids) await neglect(sql, id, hourMs)
    }
    expect(await sweepSchedules(deps())).toBe(ids.length)
    expect(await sweepSchedules(deps())).toBe(0)
  })

  it('are shown by the task and by the schedule, with a deadline for each task', async () => {
    const template = { name: 'of a template', parameters: { sum: 3 }, priority: 70, deadlineSeconds: 90 }
    const id = await addDueSchedule(sql, { template })
    const { nextRunAt: due } = await show(id)
    await sweepSchedules(deps())
    const [task, ...others] = await tasksOf(id)
    expect(others).toEqual([])
    expect(task?.scheduledFor).toEqual(due)
    expect(Number(task?.expiredAt) - Number(task?.createdAt)).toBe(90_000)
    expect(await ledger.task(String(task?.id))).toMatchObject({ name: template.name, priority: 70, runnable: true })
    expect(await ledger.eventTypes(String(task?.id))).toEqual(['task.created'])
    expect(await show(id)).toMatchObject({
      lastTaskId: task?.id,
      lastRunAt: task?.createdAt,
      nextRunAt: new Date(Number(due) + hourMs),
      lastErrorCode: null,
      lastSkipReason: null,
    })
  })

  it('that were missed are skipped: nothing is made, and the next one comes as ever', async () => {
    const id = await addDueSchedule(sql, { missed: 'skip', intervalSeconds: 7200 })
    await neglect(sql, id, 5 * hourMs)
    const { nextRunAt: due } = await show(id)
    await sweepSchedules(deps())
    expect(await tasksOf(id)).toEqual([])
    const lastMissed = new Date(Number(due) + 4 * hourMs)
    expect(await show(id)).toMatchObject({
      nextRunAt: new Date(Number(due) + 6 * hourMs),
      lastRunAt: null,
      lastSkipReason: 'missed',
      lastSkipTick: lastMissed,
    })
    await neglect(sql, id, hourMs)
    await sweepSchedules(deps())
    expect(await tasksOf(id)).toHaveLength(1)
  })

  it('that are only late are made, also where missed ones are skipped', async () => {
    const id = await addDueSchedule(sql, { missed: 'skip' })
    await neglect(sql, id, 50_000)
    await sweepSchedules(deps())
    expect(await tasksOf(id)).toHaveLength(1)
    const frequent = await addDueSchedule(sql, { missed: 'skip', intervalSeconds: 10 })
    await neglect(sql, frequent, 10 * minuteMs)
    await sweepSchedules(deps())
    expect(await tasksOf(frequent)).toHaveLength(1)
  })

  it('that were missed are made up by one task, which stands for the last of them', async () => {
    const id = await addDueSchedule(sql, { missed: 'runOnce' })
    await neglect(sql, id, 30.5 * hourMs)
    const { nextRunAt: due } = await show(id)
    await Promise.all([sweepSchedules(deps()), sweepSchedules(deps())])
    expect(await tasksOf(id)).toMatchObject([{ scheduledFor: new Date(Number(due) + 30 * hourMs) }])
    expect((await show(id)).nextRunAt).toEqual(new Date(Number(due) + 31 * hourMs))
    const daily = await addDueSchedule(sql, {
      missed: 'runOnce',
      intervalSeconds: null,
      cron: '30 2 * * *',
      timeZone: 'Europe/Berlin',
      nextRunAt: new Date('2020-03-01T01:30Z'),
    })
    await sweepSchedules(deps())
    const [made, ...others] = await tasksOf(daily)
    expect(others).toEqual([])
    expect(Date.now() - Number(made?.scheduledFor)).toBeLessThan(25.1 * hourMs)
  })

  it('are left out while an earlier task has not ended, where they must not overlap', async () => {
    const careful = await addDueSchedule(sql, { overlap: 'skip' })
    const careless = await addDueSchedule(sql, { overlap: 'allow' })
    for (let round = 0; round < 3; round++) {
      await sweepSchedules(deps())
      for (const id of [careful, careless]) await neglect(sql, id, hourMs)
    }
    expect(await tasksOf(careful)).toHaveLength(1)
    expect(await tasksOf(careless)).toHaveLength(3)
    expect(await show(careful)).toMatchObject({ lastSkipReason: 'overlap', lastSkipTick: expect.any(Date) })
    await sql`update tasks set status = 'Failed', runnable = false where schedule_id = ${careful}`
    await sweepSchedules(deps())
    expect(await tasksOf(careful)).toHaveLength(2)
  })

  it('end with the end', async () => {
    const endsAt = new Date(Date.now() + minuteMs)
    const id = await addDueSchedule(sql, { endsAt })
    await sweepSchedules(deps())
    expect(await tasksOf(id)).toHaveLength(1)
    expect(await show(id)).toMatchObject({ enabled: true, nextRunAt: null })
  })

  it('say so when the template fits its type no more, each time anew, and hold up nobody', async () => {
    const broken = await addDueSchedule(sql, { template: { parameters: { sum: 'many' } } })
    const whole = await addDueSchedule(sql)
    await sweepSchedules(deps())
    expect(await tasksOf(broken)).toEqual([])
    expect(await tasksOf(whole)).toHaveLength(1)
    const { lastErrorCode, lastErrorMessage, lastErrorAt, nextRunAt } = await show(broken)
    expect(lastErrorCode).toBe('SCHEDULE_TEMPLATE_INVALID')
    expect(lastErrorMessage).toMatch(/^task\.parameters\.sum: /)
    expect(lastErrorAt).toBeInstanceOf(Date)
    expect(Number(nextRunAt)).toBeGreaterThan(Date.now())
    await sql`update schedules set template = '{"parameters":{"sum":3}}' where id = ${broken}`
    await neglect(sql, broken, hourMs)
    await sweepSchedules(deps())
    expect(await tasksOf(broken)).toHaveLength(1)
    expect(await show(broken)).toMatchObject({ lastErrorCode: null, lastErrorMessage: null, lastErrorAt: null })
  })

  it('of a type that no live worker knows stay due, and the schedule says so until one comes', async () => {
    const id = await addDueSchedule(sql, { type: 'Gone' })
    await neglect(sql, id, 30_000)
    await sweepSchedules(deps())
    const found = await show(id)
    expect(found).toMatchObject({ lastErrorCode: 'TASK_TYPE_UNKNOWN', lastErrorMessage: expect.any(String) })
    await sweepSchedules(deps())
    expect(await show(id)).toEqual(found)
    await sweepSchedules(deps(['Test', 'Gone']))
    expect(await tasksOf(id)).toHaveLength(1)
    expect(await show(id)).toMatchObject({ lastErrorCode: null })
  })

  it('of a type that another live worker knows are left to that one', async () => {
    const id = await addDueSchedule(sql)
    await neglect(sql, id, 30_000)
    await noteWorker(sql, { id: 'w', bands: [], concurrency: 1, types: ['Test'], offers: {} })
    await sweepSchedules(deps(['Other']))
    expect(await show(id)).toMatchObject({ lastErrorCode: null })
    expect(await tasksOf(id)).toEqual([])
    await sweepSchedules(deps())
    expect(await tasksOf(id)).toHaveLength(1)
  })

  it('are not made twice when a schedule is set back behind them', async () => {
    const id = await addDueSchedule(sql)
    const { nextRunAt: due } = await show(id)
    await sweepSchedules(deps())
    await sql`update schedules set next_run_at = ${due} where id = ${id}`
    await sweepSchedules(deps())
    expect(await tasksOf(id)).toHaveLength(1)
    expect(Number((await show(id)).nextRunAt)).toBeGreaterThan(Date.now())
    await expect(
      sql`insert into tasks (id, account_id, type, name, status, parameters, schedule_id, scheduled_for)
        select gen_random_uuid(), account_id, type, name, status, parameters, schedule_id, scheduled_for from tasks
        where schedule_id = ${id}`,
    ).rejects.toThrow('tasks_tick')
  })

  it('of a schedule that is deleted while it is due make no task, or the task that was first', async () => {
    const id = await addDueSchedule(sql)
    const { accountId } = await show(id)
    let deletion: Promise<boolean> | undefined
    await transact(sql, async (query) => {
      await takeDue(query, ['Test'], 1)
      deletion = deleteSchedule(sql, { scheduleId: id, accountId })
      // Somebody else is at it: this sweep passes it by.
      await sweepSchedules(deps())
      expect(await tasksOf(id)).toEqual([])
    })
    expect(await deletion).toBe(true)
    expect(await sweepSchedules(deps())).toBe(0)
    expect(await tasksOf(id)).toEqual([])
  })

  it('say so where their account has as many open tasks as it may have, and hold up nobody else', async () => {
    const [accountId, other] = [randomUUID(), randomUUID()]
    for (const _ of [1, 2, 3]) await addDueSchedule(sql, { accountId })
    const free = await addDueSchedule(sql, { accountId: other })
    const limited = { ...deps(), taskLimits: { openPerAccount: 2 } }
    expect(await sweepSchedules(limited)).toBe(3)
    const codes = await sql`
      select last_error_code as code, next_run_at > now() as ahead from schedules where account_id = ${accountId} order by 1`
    expect(codes).toEqual([
      { code: 'TASK_LIMIT', ahead: true },
      { code: null, ahead: true },
      { code: null, ahead: true },
    ])
    expect((await sql`select last_error_code from schedules where id = ${free}`)[0]).toEqual({ lastErrorCode: null })
  })
})
