import type { Response } from 'express'
import { z } from 'zod'
import type { Identity } from '../auth/verify.ts'
import {
  createBatchRequest,
  createdBatch,
  createTaskRequest,
  listTasksQuery,
  taskChain,
  taskEventsQuery,
  taskEventView,
  taskStats as taskStatsView,
  taskTypeView,
  taskView,
} from '../contract/task.ts'
import { listTasks } from '../db/task-lists.ts'
import { AppError, type ErrorCode } from '../errors.ts'
import type { ControlDeps } from '../tasks/control.ts'
import { findOffers } from '../tasks/offers.ts'
import { getTask, listEvents, presentTask, showChain, taskNotFound, taskStats } from '../tasks/show.ts'
import { type SubmitDeps, submitTasks } from '../tasks/submit.ts'
import { noteMade } from './audit-trail.ts'
import { empty, json, made, page } from './outcomes.ts'
import { type Route, route } from './route.ts'
import { taskVerbRoutes } from './task-verbs.ts'
import { taskCreatorOf, wantedTask } from './wanted-task.ts'

export type TaskRoutesDeps = SubmitDeps &
  ControlDeps & {
    /** Sends a task's events as they come. Resolves when the answer has ended. Throws TASK_NOT_FOUND. */
    streamTask: (request: { taskId: string; caller: Identity; afterSeq: number }, response: Response) => Promise<void>
  }

/** `/tasks/…` */
export function taskRoutes(deps: TaskRoutesDeps): Route[] {
  return [
    create(deps),
    createMany(deps),
    list(deps),
    types(deps),
    stats(deps),
    show(deps),
    history(deps),
    chain(deps),
    ...taskVerbRoutes(deps),
  ]
}

const createErrors = ['DEPENDENCY_ENDED', 'SECRETS_UNAVAILABLE', 'TASK_LIMIT'] as const satisfies ErrorCode[]

const create = (deps: TaskRoutesDeps) =>
  route(
    {
      method: 'POST',
      path: '/',
      id: 'createTask',
      summary: 'Create a task',
      description: 'Its `parameters` are those of its type, of which `GET /tasks/types` has the JSON Schema.',
      body: createTaskRequest,
      bodySize: 'tasks',
      keyed: true,
      answers: { 201: made('The task.', taskView) },
      errors: createErrors,
    },
    async ({ request, response, caller, body, keyed }) => {
      const creation = { ...taskCreatorOf(caller), requests: [body], keyed, path: () => '' }
      const [task] = await submitTasks(deps, creation)
      if (!task) throw taskNotFound('')
      noteMade(response, task.id)
      response.status(201).location(`${request.baseUrl}/${task.id}`).json(presentTask(task))
    },
  )

const createMany = (deps: TaskRoutesDeps) =>
  route(
    {
      method: 'POST',
      path: '/batch',
      id: 'createTasks',
      summary: 'Create many tasks, all or none',
      body: createBatchRequest,
      bodySize: 'tasks',
      keyed: true,
      answers: { 201: json('The tasks, in the order of the request.', createdBatch) },
      errors: createErrors,
    },
    async ({ response, caller, body, keyed }) => {
      const creation = { ...taskCreatorOf(caller), requests: body.tasks, keyed }
      const tasks = await submitTasks(deps, { ...creation, path: (index) => `tasks.${index}.` })
      noteMade(response, ...tasks.map((task) => task.id))
      response.status(201).json({ tasks: tasks.map(presentTask) })
    },
  )

const list = (deps: TaskRoutesDeps) =>
  route(
    {
      method: 'GET',
      path: '/',
      id: 'listTasks',
      summary: "List the account's tasks",
      query: listTasksQuery,
      answers: { 200: page('A page of them.', taskView) },
    },
    async ({ response, caller, query }) => {
      const { tasks, total } = await listTasks(deps.sql, { ...query, accountId: caller.account })
      response.set('X-Total', String(total)).json(tasks.map(presentTask))
    },
  )

const types = (deps: TaskRoutesDeps) =>
  route(
    {
      method: 'GET',
      path: '/types',
      id: 'listTaskTypes',
      summary: 'List the types of tasks, each with the JSON Schema of its parameters',
      answers: { 200: json('The types.', z.array(taskTypeView)) },
    },
    async ({ response }) => {
      const known = [...deps.registry.values()].filter((job) => job.isSubmittable)
      const offers = await findOffers(deps.sql)
      response.json(
        known.map(({ type, title, maxAttempts, schema, ...job }) => {
          const shown = { type, title, maxAttempts, parameters: schema }
          return job.offers === undefined ? shown : { ...shown, offers: offers.get(type) ?? {} }
        }),
      )
    },
  )

const stats = (deps: TaskRoutesDeps) =>
  route(
    {
      method: 'GET',
      path: '/stats',
      id: 'getTaskStats',
      summary: "Count the account's tasks, by status and type",
      answers: { 200: json('The figures.', taskStatsView) },
    },
    async ({ response, caller }) => {
      response.json(await taskStats(deps.sql, caller.account))
    },
  )

const show = (deps: TaskRoutesDeps) =>
  route(
    {
      method: 'GET',
      path: '/:taskId',
      id: 'getTask',
      summary: 'Show a task',
      answers: { 200: json('The task.', taskView) },
      errors: ['TASK_NOT_FOUND'],
    },
    async ({ request, response, caller }) => {
      response.json(presentTask(await getTask(deps.sql, wantedTask(request, caller))))
    },
  )

const history = (deps: TaskRoutesDeps) =>
  route(
    {
      method: 'GET',
      path: '/:taskId/events',
      id: 'listTaskEvents',
      summary: "List a task's events, or have them sent as they come",
      description: 'With `Accept: text/event-stream` they are sent as they come, until the task ends.',
      query: taskEventsQuery,
      headers: ['Last-Event-ID'],
      answers: {
        200: {
          is: 'Up to 1,000 events after `after`, the oldest first.',
          body: z.array(taskEventView),
          types: ['text/event-stream'],
        },
        204: empty('To who wants a stream: the task has ended, and nothing has come since.'),
      },
      errors: ['TASK_NOT_FOUND', 'SHUTTING_DOWN', 'RATE_LIMITED'],
    },
    async ({ request, response, caller, query }) => {
      const wanted = wantedTask(request, caller)
      response.vary('Accept')
      if (request.accepts(['json', 'text/event-stream']) === 'text/event-stream') {
        const afterSeq = lastEventSeq(request.get('Last-Event-ID')) ?? query.after
        return deps.streamTask({ taskId: wanted.taskId, caller, afterSeq }, response)
      }
      response.json(await listEvents(deps.sql, wanted, query.after))
    },
  )

const chain = (deps: TaskRoutesDeps) =>
  route(
    {
      method: 'GET',
      path: '/:taskId/chain',
      id: 'getTaskChain',
      summary: 'Show what a task waits for, and what waits for it',
      answers: { 200: json('The tasks before and after it.', taskChain) },
      errors: ['TASK_NOT_FOUND'],
    },
    async ({ request, response, caller }) => {
      response.json(await showChain(deps.sql, wantedTask(request, caller)))
    },
  )

/** Throws VALIDATION_FAILED. */
function lastEventSeq(field: string | undefined): number | undefined {
  if (field === undefined) return undefined
  const { after } = taskEventsQuery.safeParse({ after: field }).data ?? {}
  if (after !== undefined) return after
  throw new AppError('VALIDATION_FAILED', 'The request is not valid.', {
    details: {
      errors: [{ field: 'Last-Event-ID', message: 'must be the seq of an event, a whole number from 0' }],
    },
  })
}
