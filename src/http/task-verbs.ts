import { changeTaskRequest, retriedTasks, retryTaskRequest, retryTasksRequest, taskView } from '../contract/task.ts'
import { cancel, pause, remove, reprioritise, resume, retry } from '../tasks/control.ts'
import { retryAll } from '../tasks/retry-all.ts'
import { presentTask } from '../tasks/show.ts'
import type { SubmitDeps } from '../tasks/submit.ts'
import type { ControlDeps } from '../tasks/control.ts'
import { empty, json } from './outcomes.ts'
import { type Route, route } from './route.ts'
import { wantedTask } from './wanted-task.ts'

type Deps = SubmitDeps & ControlDeps

/** `/tasks/{taskId}/pause` and whatever else is done to tasks that are there. */
export function taskVerbRoutes(deps: Deps): Route[] {
  return [
    verb(deps, { id: 'pauseTask', name: 'pause', summary: 'Pause a task', does: pause }),
    verb(deps, { id: 'resumeTask', name: 'resume', summary: 'Resume a paused task', does: resume }),
    verb(deps, { id: 'cancelTask', name: 'cancel', summary: 'Cancel a task, and what waits for it', does: cancel }),
    retryOne(deps),
    retryMany(deps),
    change(deps),
    removal(deps),
  ]
}

type Verb = { id: string; name: string; summary: string; does: typeof pause }

const verb = (deps: Deps, { id, name, summary, does }: Verb) =>
  route(
    {
      method: 'POST',
      path: `/:taskId/${name}`,
      id,
      summary,
      answers: { 200: json('The task as it is now.', taskView) },
      errors: ['TASK_NOT_FOUND', 'TASK_STATE'],
    },
    async ({ request, response, caller }) => {
      response.json(presentTask(await does(deps, wantedTask(request, caller))))
    },
  )

const retryOne = (deps: Deps) =>
  route(
    {
      method: 'POST',
      path: '/:taskId/retry',
      id: 'retryTask',
      summary: 'Begin a failed or cancelled task anew',
      description: 'Secrets that were erased when it ended must be brought again, in `parameters`.',
      body: retryTaskRequest,
      bodyOptional: true,
      answers: { 200: json('The task as it is now.', taskView) },
      errors: [
        'TASK_NOT_FOUND',
        'TASK_STATE',
        'SECRET_REQUIRED',
        'SECRETS_UNAVAILABLE',
        'STAGING_GONE',
        'DEPENDENCY_ENDED',
        'QUOTA_EXCEEDED',
        'TASK_LIMIT',
      ],
    },
    async ({ request, response, caller, body }) => {
      response.json(presentTask(await retry(deps, wantedTask(request, caller), body.parameters)))
    },
  )

const retryMany = (deps: Deps) =>
  route(
    {
      method: 'POST',
      path: '/retry',
      id: 'retryTasks',
      summary: 'Begin failed or cancelled tasks anew, by filter',
      body: retryTasksRequest,
      answers: { 200: json('How many began anew, and which could not.', retriedTasks) },
    },
    async ({ response, caller, body }) => {
      response.json(await retryAll(deps, caller.account, body))
    },
  )

const change = (deps: Deps) =>
  route(
    {
      method: 'PATCH',
      path: '/:taskId',
      id: 'changeTask',
      summary: 'Give a task that does not run another priority',
      body: changeTaskRequest,
      answers: { 200: json('The task as it is now.', taskView) },
      errors: ['TASK_NOT_FOUND', 'TASK_STATE'],
    },
    async ({ request, response, caller, body }) => {
      response.json(presentTask(await reprioritise(deps, wantedTask(request, caller), body.priority)))
    },
  )

const removal = (deps: Deps) =>
  route(
    {
      method: 'DELETE',
      path: '/:taskId',
      id: 'deleteTask',
      summary: 'Remove a task that has ended',
      answers: { 204: empty('It is gone.') },
      errors: ['TASK_NOT_FOUND', 'TASK_STATE'],
    },
    async ({ request, response, caller }) => {
      await remove(deps, wantedTask(request, caller))
      response.status(204).end()
    },
  )
