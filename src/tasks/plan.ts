import type { CreateTaskRequest } from '../contract/task.ts'
import type { NewTask } from '../db/new-tasks.ts'
import { AppError } from '../errors.ts'
import { newTaskId } from './ids.ts'
import { findReferences, renameReferences } from './references.ts'
import type { Job, Registry } from './define-job.ts'
import { splitSecrets } from './secrets.ts'

/** A task of a request as it is to be written: refs replaced by ids. */
export type PlannedTask = {
  id: string
  request: CreateTaskRequest
  job: Job
  parameters: Record<string, unknown>
  /** Parameters that nobody may read. */
  secret: Record<string, unknown>
  /** Ids of what it waits for, inside the request and outside of it, each once. */
  after: string[]
}

export type FieldError = { field: string; message: string }

const defaultPriority = 50

/**
 * Checks the tasks of one request against their types and one another, and gives them ids. Throws VALIDATION_FAILED with
 * every bad field, also for a circle of tasks that wait for one another.
 */
export function planTasks(
  requests: readonly CreateTaskRequest[],
  registry: Registry,
  path: (index: number) => string,
): PlannedTask[] {
  const errors: FieldError[] = []
  const ids = requests.map(() => newTaskId())
  const byRef = new Map<string, string>()
  requests.forEach(({ ref }, index) => {
    if (ref === undefined) return
    if (byRef.has(ref)) errors.push({ field: `${path(index)}ref`, message: `is used twice: ${ref}` })
    byRef.set(ref, ids[index] ?? '')
  })
  const planned = requests.flatMap((request, index) => {
    const job = registry.get(request.type)
    if (!job?.isSubmittable) {
      errors.push({ field: `${path(index)}type`, message: knownTypes(registry) })
      return []
    }
    const task = planTask(ids[index] ?? '', request, job, byRef)
    errors.push(...checkTask(task, path(index)))
    const { open, secret } = splitSecrets(job, task.parameters)
    return [{ ...task, parameters: open, secret }]
  })
  if (errors.length === 0) errors.push(...findCircle(planned, path))
  if (errors.length === 0) return planned
  throw new AppError('VALIDATION_FAILED', 'The request is not valid.', { details: { errors } })
}

/** A planned task as it is written, what it waits for left out. */
export function newTaskOf({ id, request, job, parameters, secret }: PlannedTask, accountId: string): NewTask {
  return {
    id,
    accountId,
    type: job.type,
    description: request.description ?? null,
    estimatedDurationSeconds: request.estimatedDurationSeconds ?? null,
    expiredAt: request.expiredAt ?? null,
    name: request.name ?? job.title,
    status: 'Pending',
    parameters,
    hasSecrets: Object.keys(secret).length > 0,
    priority: priorityOf({ request }),
    runnable: true,
  }
}

export function priorityOf({ request }: Pick<PlannedTask, 'request'>): number {
  return request.priority ?? defaultPriority
}

function knownTypes(registry: Registry): string {
  const types = submittable(registry)
  return types.length > 0 ? `must be one of ${types.join(', ')}` : 'no task type is installed; TASK_MODULES adds some'
}

/** The types that a task can be created of. */
export function submittable(registry: Registry): string[] {
  return [...registry.values()]
    .filter((job) => job.isSubmittable)
    .map((job) => job.type)
    .sort()
}

function planTask(
  id: string,
  request: CreateTaskRequest,
  job: Job,
  byRef: ReadonlyMap<string, string>,
): Omit<PlannedTask, 'secret'> {
  const named = (name: string): string => byRef.get(name) ?? name.toLowerCase()
  const parameters = Object.fromEntries(
    Object.entries(request.parameters).map(([key, value]) => [key, renameReferences(value, named)]),
  )
  const referred = findReferences(parameters).map(({ reference }) => reference.taskId)
  return { id, request, job, parameters, after: [...new Set([...request.after.map(named), ...referred])] }
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

function checkTask(task: Omit<PlannedTask, 'secret'>, path: string): FieldError[] {
  const references = findReferences(task.parameters).map(({ at }) => at)
  // What a reference stands for is known when the task runs; it is checked then.
  const isOpen = (at: readonly PropertyKey[]): boolean =>
    references.some((reference) => reference.every((key, index) => at[index] === key))
  const wrong = task.job.check(task.parameters).filter((issue) => !isOpen(issue.path))
  const referring = references.filter(([name]) => task.job.secrets.includes(String(name)))
  const unknown = task.after.filter((id) => !uuid.test(id))
  return [
    ...wrong.flatMap((issue) => describeIssue(issue, `${path}parameters`)),
    ...referring.map((at) => ({ field: [`${path}parameters`, ...at].join('.'), message: 'must not be a reference' })),
    ...unknown.map((id) => ({ field: `${path}after`, message: `names no task: ${id}` })),
  ]
}

function describeIssue(issue: Parameters<typeof pathOf>[0], path: string): FieldError[] {
  const field = pathOf(issue, path)
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ field: `${field}.${key}`, message: 'is not a known field' }))
  }
  return [{ field, message: issue.message }]
}

function pathOf(issue: ReturnType<Job['check']>[number], path: string): string {
  return [path, ...issue.path.map(String)].join('.')
}

/** Kahn's algorithm: what is left when everything that waits for nothing has been taken away waits in a circle. */
function findCircle(tasks: readonly PlannedTask[], path: (index: number) => string): FieldError[] {
  const open = new Map(tasks.map((task) => [task.id, task.after]))
  for (let before = -1; before !== open.size; ) {
    before = open.size
    for (const [id, after] of open) if (!after.some((other) => open.has(other))) open.delete(id)
  }
  return tasks.flatMap((task, index) =>
    open.has(task.id)
      ? [{ field: `${path(index)}after`, message: 'must not wait for itself, over others or directly' }]
      : [],
  )
}
