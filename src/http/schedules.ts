import { type Request, Router } from 'express'
import type { Identity } from '../auth/verify.ts'
import { changeScheduleRequest, createScheduleRequest, listSchedulesQuery } from '../contract/schedule.ts'
import { listSchedules, type WantedSchedule } from '../db/schedules.ts'
import { changeSchedule, createSchedule, removeSchedule, runSchedule, type ScheduleDeps } from '../tasks/schedules.ts'
import { presentTask } from '../tasks/show.ts'
import { getSchedule, presentSchedule, scheduleNotFound } from '../tasks/show-schedule.ts'
import type { SignedIn } from './caller.ts'
import { taskCreatorOf } from './tasks.ts'
import { keyedRequest } from './idempotency-key.ts'
import { parseQuery, pathUuid, readBody } from './validate.ts'

/** `/schedules/…` */
export function scheduleRoutes(deps: ScheduleDeps, signedIn: SignedIn): Router {
  const router = Router()
  router.post(
    '/',
    signedIn(async (request, response, caller) => {
      const body = await readBody(createScheduleRequest, request, response)
      const keyed = keyedRequest(request, caller)
      const schedule = await createSchedule(deps, { creator: taskCreatorOf(caller), request: body, keyed })
      response.status(201).location(`${request.baseUrl}/${schedule.id}`).json(presentSchedule(schedule))
    }),
  )
  router.get(
    '/',
    signedIn(async (request, response, caller) => {
      const filter = parseQuery(listSchedulesQuery, request)
      const { schedules, total } = await listSchedules(deps.sql, { ...filter, accountId: caller.account })
      response.set('X-Total', String(total)).json(schedules.map(presentSchedule))
    }),
  )
  router.get(
    '/:scheduleId',
    signedIn(async (request, response, caller) => {
      response.json(presentSchedule(await getSchedule(deps.sql, wantedOf(request, caller))))
    }),
  )
  router.patch(
    '/:scheduleId',
    signedIn(async (request, response, caller) => {
      const changes = await readBody(changeScheduleRequest, request, response)
      response.json(
        presentSchedule(await changeSchedule(deps, wantedOf(request, caller), changes, taskCreatorOf(caller))),
      )
    }),
  )
  router.delete(
    '/:scheduleId',
    signedIn(async (request, response, caller) => {
      await removeSchedule(deps, wantedOf(request, caller))
      response.status(204).end()
    }),
  )
  router.post(
    '/:scheduleId/run',
    signedIn(async (request, response, caller) => {
      const task = await runSchedule(deps, wantedOf(request, caller), keyedRequest(request, caller))
      const tasksPath = request.baseUrl.replace(/schedules$/, 'tasks')
      response.status(201).location(`${tasksPath}/${task.id}`).json(presentTask(task))
    }),
  )
  return router
}

function wantedOf(request: Request, caller: Identity): WantedSchedule {
  const scheduleId = pathUuid(request, 'scheduleId')
  if (scheduleId === undefined) throw scheduleNotFound(String(request.params['scheduleId']))
  return { scheduleId, accountId: caller.account }
}
