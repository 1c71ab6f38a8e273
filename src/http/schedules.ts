import type { Request } from 'express'
import type { Identity } from '../auth/verify.ts'
import { changeScheduleRequest, createScheduleRequest, listSchedulesQuery, scheduleView } from '../contract/schedule.ts'
import { taskView } from '../contract/task.ts'
import { listSchedules, type WantedSchedule } from '../db/schedules.ts'
import { changeSchedule, createSchedule, removeSchedule, runSchedule, type ScheduleDeps } from '../tasks/schedules.ts'
import { presentTask } from '../tasks/show.ts'
import { getSchedule, presentSchedule, scheduleNotFound } from '../tasks/show-schedule.ts'
import { empty, json, made, page } from './outcomes.ts'
import { type Route, route } from './route.ts'
import { pathUuid } from './validate.ts'
import { taskCreatorOf } from './wanted-task.ts'

/** `/schedules/…` */
export function scheduleRoutes(deps: ScheduleDeps): Route[] {
  return [create(deps), list(deps), show(deps), change(deps), remove(deps), run(deps)]
}

const create = (deps: ScheduleDeps) =>
  route(
    {
      method: 'POST',
      path: '/',
      id: 'createSchedule',
      summary: 'Create a schedule that makes tasks',
      body: createScheduleRequest,
      keyed: true,
      answers: { 201: made('The schedule.', scheduleView) },
      errors: ['SCHEDULE_LIMIT'],
    },
    async ({ request, response, caller, body, keyed }) => {
      const schedule = await createSchedule(deps, { creator: taskCreatorOf(caller), request: body, keyed })
      response.status(201).location(`${request.baseUrl}/${schedule.id}`).json(presentSchedule(schedule))
    },
  )

const list = (deps: ScheduleDeps) =>
  route(
    {
      method: 'GET',
      path: '/',
      id: 'listSchedules',
      summary: "List the account's schedules",
      query: listSchedulesQuery,
      answers: { 200: page('A page of them.', scheduleView) },
    },
    async ({ response, caller, query }) => {
      const { schedules, total } = await listSchedules(deps.sql, { ...query, accountId: caller.account })
      response.set('X-Total', String(total)).json(schedules.map(presentSchedule))
    },
  )

const show = (deps: ScheduleDeps) =>
  route(
    {
      method: 'GET',
      path: '/:scheduleId',
      id: 'getSchedule',
      summary: 'Show a schedule',
      answers: { 200: json('The schedule.', scheduleView) },
      errors: ['SCHEDULE_NOT_FOUND'],
    },
    async ({ request, response, caller }) => {
      response.json(presentSchedule(await getSchedule(deps.sql, wantedOf(request, caller))))
    },
  )

const change = (deps: ScheduleDeps) =>
  route(
    {
      method: 'PATCH',
      path: '/:scheduleId',
      id: 'changeSchedule',
      summary: 'Change a schedule',
      description: 'What is left out stays; null takes `startsAt` or `endsAt` away.',
      body: changeScheduleRequest,
      answers: { 200: json('The schedule as it is now.', scheduleView) },
      errors: ['SCHEDULE_NOT_FOUND'],
    },
    async ({ request, response, caller, body }) => {
      const schedule = await changeSchedule(deps, wantedOf(request, caller), body, taskCreatorOf(caller))
      response.json(presentSchedule(schedule))
    },
  )

const remove = (deps: ScheduleDeps) =>
  route(
    {
      method: 'DELETE',
      path: '/:scheduleId',
      id: 'deleteSchedule',
      summary: 'Delete a schedule; the tasks it made stay',
      answers: { 204: empty('It is gone.') },
      errors: ['SCHEDULE_NOT_FOUND'],
    },
    async ({ request, response, caller }) => {
      await removeSchedule(deps, wantedOf(request, caller))
      response.status(204).end()
    },
  )

const run = (deps: ScheduleDeps) =>
  route(
    {
      method: 'POST',
      path: '/:scheduleId/run',
      id: 'runSchedule',
      summary: 'Have a schedule make a task now',
      keyed: true,
      answers: { 201: made('The task.', taskView) },
      errors: ['SCHEDULE_NOT_FOUND', 'SCHEDULE_BUSY', 'SCHEDULE_TEMPLATE_INVALID', 'TASK_LIMIT'],
    },
    async ({ request, response, caller, keyed }) => {
      const task = await runSchedule(deps, wantedOf(request, caller), keyed)
      const tasksPath = request.baseUrl.replace(/schedules$/, 'tasks')
      response.status(201).location(`${tasksPath}/${task.id}`).json(presentTask(task))
    },
  )

function wantedOf(request: Request, caller: Identity): WantedSchedule {
  const scheduleId = pathUuid(request, 'scheduleId')
  if (scheduleId === undefined) throw scheduleNotFound(String(request.params['scheduleId']))
  return { scheduleId, accountId: caller.account }
}
