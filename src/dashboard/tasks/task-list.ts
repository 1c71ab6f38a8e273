import type { Client, LiveEvent, TaskStatus, TaskView } from '../../client/browser.ts'

export type TaskNarrowing = { status: TaskStatus | undefined; type: string | undefined }
export type TaskListState = { tasks: readonly TaskView[]; total: number; isLoading: boolean; error: Error | undefined }

const pageSize = 200
/** Not more often than this is it asked what is new, however much happens. */
const betweenMs = 1000
const overlap = 20

const statusAfter: Partial<Record<LiveEvent['type'], TaskStatus>> = {
  'task.started': 'InProgress',
  'task.completed': 'Completed',
  'upload.completed': 'Completed',
  'task.failed': 'Failed',
  'upload.failed': 'Failed',
  'task.cancelled': 'Cancelled',
  'task.paused': 'Paused',
  'task.resumed': 'Pending',
  'task.retried': 'Pending',
  'task.expired': 'Expired',
}

/**
 * The account's tasks, the newest first, loaded as far as somebody looks, and kept true by what comes live: progress at once, and what
 * an event does not tell is asked for, all that changed together.
 */
export class TaskList {
  readonly #client: Client
  readonly #narrowing: TaskNarrowing
  readonly #watchers = new Set<() => void>()
  readonly #byId = new Map<string, TaskView>()
  #state: TaskListState = { tasks: [], total: 0, isLoading: true, error: undefined }
  #order: string[] | undefined
  #isComplete = false
  #wantedIndex = 0
  #isLoadingMore = false
  #isClosed = false
  #frame: number | undefined
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(client: Client, narrowing: TaskNarrowing) {
    this.#client = client
    this.#narrowing = narrowing
  }

  get state(): TaskListState {
    return this.#state
  }

  watch(changed: () => void): () => void {
    this.#watchers.add(changed)
    return () => this.#watchers.delete(changed)
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
    if (this.#frame !== undefined) cancelAnimationFrame(this.#frame)
  }

  /** Has everything loaded up to this row. */
  want(index: number): void {
    this.#wantedIndex = Math.max(this.#wantedIndex, index)
    if (!this.#isLoadingMore && this.#hasMore()) void this.#loadMore()
  }

  /** Begins anew, with what was looked at. */
  async reload(): Promise<void> {
    this.#isComplete = false
    this.#state = { ...this.#state, isLoading: true, error: undefined }
    this.#tell()
    await this.#loadMore(true)
  }

  event({ type, data }: LiveEvent): void {
    if (!('taskId' in data)) return
    const task = this.#byId.get(data.taskId)
    if (type === 'task.progress' || type === 'upload.progress') {
      if (task === undefined) return
      const message = 'statusMessage' in data ? { statusMessage: data.statusMessage } : {}
      this.#put({ ...task, ...message, progress: data.progress, lastActivity: data.lastActivity })
      return
    }
    const status = statusAfter[type]
    if (task !== undefined && status !== undefined) {
      this.#put({ ...task, status, progress: status === 'Completed' ? 100 : task.progress })
    }
    this.#refreshSoon()
  }

  #hasMore(): boolean {
    return !this.#isComplete && this.#byId.size > 0 && this.#wantedIndex >= this.#byId.size - pageSize / 2
  }

  async #loadMore(isAnew = false): Promise<void> {
    this.#isLoadingMore = true
    try {
      let isFirst = isAnew
      while (!this.#isClosed && (isFirst || this.#hasMore())) {
        // A few are asked for twice, lest some be passed over when others were deleted meanwhile.
        const { items, total } = await this.#page(isFirst ? 0 : Math.max(0, this.#byId.size - overlap))
        if (this.#isClosed) return
        if (isFirst) this.#byId.clear()
        isFirst = false
        this.#isComplete = items.length < pageSize
        this.#take(items, total)
      }
    } catch (error) {
      const failure = error instanceof Error ? error : new Error(String(error))
      this.#state = { ...this.#state, isLoading: false, error: failure }
      this.#tell()
    } finally {
      this.#isLoadingMore = false
    }
  }

  /** Asks how one task stands, or whether it is gone. */
  async check(taskId: string): Promise<void> {
    try {
      this.#put(await this.#client.tasks.get(taskId))
    } catch {
      this.#byId.delete(taskId)
      this.#order = undefined
      this.#tell()
    }
    this.#refreshSoon()
  }

  /** Asks what is new, what left and what changed among the newest, soon. */
  refresh(): void {
    this.#refreshSoon()
  }

  #refreshSoon(): void {
    this.#timer ??= setTimeout(() => {
      void this.#refresh().finally(() => {
        this.#timer = undefined
      })
    }, betweenMs)
  }

  async #refresh(): Promise<void> {
    if (this.#isClosed || document.hidden) return
    try {
      const { items, total } = await this.#page(0)
      if (this.#isClosed) return
      const isFarAhead =
        this.#byId.size > 0 && items.length === pageSize && !items.some(({ taskId }) => this.#byId.has(taskId))
      if (isFarAhead) return await this.reload()
      const oldest = items.at(-1)?.createdAt ?? ''
      const there = new Set(items.map(({ taskId }) => taskId))
      for (const task of this.#byId.values()) {
        const isGone = (items.length < pageSize || task.createdAt > oldest) && !there.has(task.taskId)
        if (isGone || !this.#fits(task)) this.#byId.delete(task.taskId)
      }
      this.#take(items, total)
    } catch {
      // The next event asks again; the page says by itself that the server is away.
    }
  }

  #take(items: readonly TaskView[], total: number): void {
    for (const task of items) this.#byId.set(task.taskId, task)
    this.#order = undefined
    this.#state = { ...this.#state, total, isLoading: false, error: undefined }
    this.#tell()
  }

  #page(offset: number) {
    const { status, type } = this.#narrowing
    return this.#client.tasks.list({
      ...(status === undefined ? {} : { status }),
      ...(type === undefined ? {} : { type }),
      sortBy: 'createdAt',
      sortDescending: true,
      limit: pageSize,
      offset,
    })
  }

  #fits(task: TaskView): boolean {
    return this.#narrowing.status === undefined || task.status === this.#narrowing.status
  }

  #put(task: TaskView): void {
    this.#byId.set(task.taskId, task)
    this.#tell()
  }

  /** Once a frame, whatever comes in between. */
  #tell(): void {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = undefined
      this.#order ??= [...this.#byId.values()].sort(newestFirst).map(({ taskId }) => taskId)
      const tasks = this.#order.flatMap((taskId) => this.#byId.get(taskId) ?? [])
      this.#state = { ...this.#state, tasks, total: Math.max(this.#state.total, tasks.length) }
      for (const changed of this.#watchers) changed()
    })
  }
}

function newestFirst(one: TaskView, other: TaskView): number {
  if (one.createdAt !== other.createdAt) return one.createdAt < other.createdAt ? 1 : -1
  return one.taskId < other.taskId ? 1 : -1
}
