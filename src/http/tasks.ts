import { type Request, type Response, Router } from 'express'
import type { Identity } from '../auth/verify.ts'
import {
  changeTaskRequest,
  createBatchRequest,
  createTaskRequest,
  listTasksQuery,
  retryTaskRequest,
  retryTasksRequest,
} from '../contract/task.ts'
import { listTasks } from '../db/task-lists.ts'
import type { WantedTask } from '../db/tasks.ts'
import { AppError } from '../errors.ts'
import { cancel, type ControlDeps, pause, remove, reprioritise, resume, retry } from '../tasks/control.ts'
import { findOffers } from '../tasks/offers.ts'
import { getTask, listEvents, presentTask, taskNotFound, taskStats } from '../tasks/show.ts'
import type { TaskCreator } from '../tasks/permissions.ts'
import { retryAll } from '../tasks/retry-all.ts'
import { type SubmitDeps, submitTasks } from '../tasks/submit.ts'
import { noteMade } from './audit-trail.ts'
import type { SignedIn } from './caller.ts'
import { keyedRequest } from './idempotency-key.ts'
import { parseQuery, pathUuid, readBody, readOptionalBody } from './validate.ts'

export type TaskRoutesDeps = SubmitDeps &
  ControlDeps & {
    /** Sends a task's events as they come. Resolves when the answer has ended. Throws TASK_NOT_FOUND. */
    streamTask: (request: { taskId: string; caller: Identity; afterSeq: number }, response: Response) => Promise<void>
  }

/** `/tasks/…` */
export function taskRoutes(deps: TaskRoutesDeps, signedIn: SignedIn): Router {
  const router = Router()
  creation(router, deps, signedIn)
  reading(router, deps, signedIn)
  control(router, deps, signedIn)
  return router
}

function creation(router: Router, deps: TaskRoutesDeps, signedIn: SignedIn): void {
  router.post(
    '/',
    signedIn(async (request, response, caller) => {
      const body = await readBody(createTaskRequest, request, response, '8mb')
      const [task] = await submitTasks(deps, {
        ...taskCreatorOf(caller),
        requests: [body],
        keyed: keyedRequest(request, caller),
        path: () => '',
      })
      if (!task) throw taskNotFound('')
      noteMade(response, task.id)
      response.status(201).location(`${request.baseUrl}/${task.id}`).json(presentTask(task))
    }),
  )
  router.post(
    '/batch',
    signedIn(async (request, response, caller) => {
      const body = await readBody(createBatchRequest, request, response, '8mb')
      const tasks = await submitTasks(deps, {
        ...taskCreatorOf(caller),
        requests: body.tasks,
        keyed: keyedRequest(request, caller),
        path: (index) => `tasks.${index}.`,
      })
      noteMade(response, ...tasks.map((task) => task.id))
      response.status(201).json({ tasks: tasks.map(presentTask) })
    }),
  )
}

function reading(router: Router, deps: TaskRoutesDeps, signedIn: SignedIn): void {
  router.get(
    '/',
    signedIn(async (request, response, caller) => {
      const filter = parseQuery(listTasksQuery, request)
      const { tasks, total } = await listTasks(deps.sql, { ...filter, accountId: caller.account })
      response.set('X-Total', String(total)).json(tasks.map(presentTask))
    }),
  )
  router.get(
    '/types',
    signedIn(async (_request, response) => {
      const types = [...deps.registry.values()].filter((job) => job.isSubmittable)
      const offers = await findOffers(deps.sql)
      response.json(
        types.map(({ type, title, maxAttempts, schema, ...job }) => {
          const shown = { type, title, maxAttempts, parameters: schema }
          return job.offers === undefined ? shown : { ...shown, offers: offers.get(type) ?? {} }
        }),
      )
    }),
  )
  router.get(
    '/stats',
    signedIn(async (_request, response, caller) => {
      response.json(await taskStats(deps.sql, caller.account))
    }),
  )
  router.get(
    '/:taskId',
    signedIn(async (request, response, caller) => {
      response.json(presentTask(await getTask(deps.sql, wantedOf(request, caller))))
    }),
  )
  router.get(
    '/:taskId/events',
    signedIn(async (request, response, caller) => {
      const wanted = wantedOf(request, caller)
      response.vary('Accept')
      if (request.accepts(['json', 'text/event-stream']) === 'text/event-stream') {
        const afterSeq = seqOf('Last-Event-ID', request.get('Last-Event-ID') ?? request.query['after'])
        return deps.streamTask({ taskId: wanted.taskId, caller, afterSeq }, response)
      }
      response.json(await listEvents(deps.sql, wanted, seqOf('after', request.query['after'])))
    }),
  )
}

function control(router: Router, deps: TaskRoutesDeps, signedIn: SignedIn): void {
  for (const [name, verb] of Object.entries({ pause, resume, cancel })) {
    router.post(
      `/:taskId/${name}`,
      signedIn(async (request, response, caller) => {
        response.json(presentTask(await verb(deps, wantedOf(request, caller))))
      }),
    )
  }
  router.post(
    '/:taskId/retry',
    signedIn(async (request, response, caller) => {
      const body = await readOptionalBody(retryTaskRequest, request, response)
      response.json(presentTask(await retry(deps, wantedOf(request, caller), body.parameters)))
    }),
  )
  router.post(
    '/retry',
    signedIn(async (request, response, caller) => {
      const filter = await readBody(retryTasksRequest, request, response)
      response.json(await retryAll(deps, caller.account, filter))
    }),
  )
  router.patch(
    '/:taskId',
    signedIn(async (request, response, caller) => {
      const { priority } = await readBody(changeTaskRequest, request, response)
      response.json(presentTask(await reprioritise(deps, wantedOf(request, caller), priority)))
    }),
  )
  router.delete(
    '/:taskId',
    signedIn(async (request, response, caller) => {
      await remove(deps, wantedOf(request, caller))
      response.status(204).end()
    }),
  )
}

/** Whoever calls, as tasks keep him. */
export function taskCreatorOf({ account: accountId, admin: isAdmin, permissions }: Identity): TaskCreator {
  return { accountId, isAdmin, permissions }
}

function wantedOf(request: Request, caller: Identity): WantedTask {
  const taskId = pathUuid(request, 'taskId')
  if (taskId === undefined) throw taskNotFound(String(request.params['taskId']))
  return { taskId, accountId: caller.account }
}

/** The number of an event as a request names it; 0 when it names none. Throws VALIDATION_FAILED. */
function seqOf(field: string, given: unknown): number {
  if (given === undefined) return 0
  const seq = typeof given === 'string' && /^\d{1,15}$/.test(given) ? Number(given) : -1
  if (seq >= 0) return Math.min(seq, 2 ** 31 - 1)
  throw new AppError('VALIDATION_FAILED', 'The request is not valid.', {
    details: { errors: [{ field, message: 'must be the seq of an event, a whole number from 0' }] },
  })
}
