import type { z } from 'zod'
import type {
  createTaskRequest,
  listTasksQuery,
  RetriedTasks,
  retryTasksRequest,
  TaskChain,
  TaskEventView,
  TaskStats,
  TaskStatus,
  taskTypeView,
  TaskView,
} from '../contract/task.ts'
import type { Api, Page, Some } from './api.ts'
import { TaskFailed } from './errors.ts'
import { type WatchedEvent, type WatchOptions, watchTask } from './watch.ts'

/** What a task is made of: the body of `POST /api/tasks`. Only `type` is needed. */
export type NewTask = Omit<z.input<typeof createTaskRequest>, 'expiredAt'> & {
  expiredAt?: string | Date | null | undefined
}
/** The same for a batch, whose items know each other by `ref`. */
export type NewBatchTask = NewTask & { ref?: string | undefined }
export type TaskFilter = Some<z.output<typeof listTasksQuery>>
export type RetryFilter = Some<z.output<typeof retryTasksRequest>>

/** A type that tasks can be of, with the JSON Schema of its parameters. */
export type TaskType = z.output<typeof taskTypeView>

export type RunOptions = {
  signal?: AbortSignal | undefined
  /** Told every event of the task as it comes, its progress among them. */
  onEvent?: ((event: WatchedEvent) => void) | undefined
}

type Options = { signal?: AbortSignal | undefined }

/** `client.tasks`: file work, from creation to end. Each call throws LongshoreError. */
export class Tasks {
  readonly #api: Api

  constructor(api: Api) {
    this.#api = api
  }

  /** Creates a task. It is safe to break off and is never made twice by a repetition within the call. */
  async create(task: NewTask, options?: Options): Promise<TaskView> {
    return this.#api.create<TaskView>('/tasks', task, options)
  }

  /** Creates up to 1,000 tasks, all or none, in the order given. */
  async createBatch(tasks: readonly NewBatchTask[], options?: Options): Promise<TaskView[]> {
    const answer = await this.#api.create<{ tasks: TaskView[] }>('/tasks/batch', { tasks }, options)
    return answer.tasks
  }

  /** Creates a task and waits for its end: answers it completed, and throws TaskFailed when it ends otherwise. */
  async run(task: NewTask, options: RunOptions = {}): Promise<TaskView> {
    const { taskId } = await this.create(task, options)
    return this.wait(taskId, options)
  }

  /** Waits for the end of a task that is there: answers it completed, and throws TaskFailed when it ends otherwise. */
  async wait(taskId: string, { onEvent, signal }: RunOptions = {}): Promise<TaskView> {
    for await (const event of this.watch(taskId, { signal })) onEvent?.(event)
    const ended = await this.get(taskId, { signal })
    if (ended.status !== 'Completed') throw new TaskFailed(ended)
    return ended
  }

  /**
   * Every event of a task: its history (from the one after `after`), then what happens, and the last one is its end. Neither a lost
   * connection nor a server that goes away makes it miss one; progress may be left out.
   */
  watch(taskId: string, options?: WatchOptions): AsyncGenerator<WatchedEvent, void, void> {
    return watchTask(this.#api, taskId, options)
  }

  async list(filter?: TaskFilter, options: Options = {}): Promise<Page<TaskView>> {
    return this.#api.page<TaskView>('/tasks', filter, options.signal)
  }

  /** Every task that fits, the oldest first unless said otherwise, page by page. */
  each(filter: TaskFilter = {}, options: Options = {}): AsyncGenerator<TaskView, void, void> {
    return this.#api.each<TaskView>('/tasks', { sortBy: 'createdAt', sortDescending: false, ...filter }, options.signal)
  }

  async get(taskId: string, options: Options = {}): Promise<TaskView> {
    return this.#api.json<TaskView>({ path: pathOf(taskId), ...options })
  }

  /** The history: every event that is kept, from the one after `after`. */
  async events(taskId: string, after = 0): Promise<TaskEventView[]> {
    return this.#api.json<TaskEventView[]>({ path: `${pathOf(taskId)}/events`, query: { after } })
  }

  /** What it waits for, and what waits for it. */
  async chain(taskId: string): Promise<TaskChain> {
    return this.#api.json<TaskChain>({ path: `${pathOf(taskId)}/chain` })
  }

  /** The types there are, with the JSON Schema of their parameters. */
  async types(): Promise<TaskType[]> {
    return this.#api.json<TaskType[]>({ path: '/tasks/types' })
  }

  async stats(): Promise<TaskStats> {
    return this.#api.json<TaskStats>({ path: '/tasks/stats' })
  }

  /** Pausing what is paused changes nothing. */
  async pause(taskId: string): Promise<TaskView> {
    return this.#verb(taskId, 'pause', true)
  }

  async resume(taskId: string): Promise<TaskView> {
    return this.#verb(taskId, 'resume', false)
  }

  /** Cancels it and what waits for it. Doing it again changes nothing. */
  async cancel(taskId: string): Promise<TaskView> {
    return this.#verb(taskId, 'cancel', true)
  }

  /** Tries a failed or cancelled task again; `secrets` are passwords that were erased meanwhile. */
  async retry(taskId: string, secrets?: Record<string, unknown>): Promise<TaskView> {
    const json = secrets === undefined ? undefined : { parameters: secrets }
    return this.#api.json<TaskView>({ method: 'POST', path: `${pathOf(taskId)}/retry`, json })
  }

  /** Tries up to `limit` of those again that failed, or were cancelled; answers how many were. */
  async retryAll(filter: RetryFilter = {}): Promise<RetriedTasks> {
    return this.#api.json<RetriedTasks>({ method: 'POST', path: '/tasks/retry', json: filter })
  }

  /** Changes how urgent it is, while nobody runs it: 0 to 100, higher first. */
  async reprioritise(taskId: string, priority: number): Promise<TaskView> {
    return this.#api.json<TaskView>({ method: 'PATCH', path: pathOf(taskId), json: { priority }, isRepeatable: true })
  }

  /** Deletes a task that has ended. */
  async delete(taskId: string): Promise<void> {
    return this.#api.nothing({ method: 'DELETE', path: pathOf(taskId) })
  }

  async #verb(taskId: string, verb: string, isRepeatable: boolean): Promise<TaskView> {
    return this.#api.json<TaskView>({ method: 'POST', path: `${pathOf(taskId)}/${verb}`, isRepeatable })
  }
}

const ends: readonly TaskStatus[] = ['Completed', 'Failed', 'Cancelled', 'Expired']

/** Whether nothing more will become of a task by itself. */
export function hasEnded({ status }: Pick<TaskView, 'status'>): boolean {
  return ends.includes(status)
}

function pathOf(taskId: string): string {
  return `/tasks/${encodeURIComponent(taskId)}`
}
