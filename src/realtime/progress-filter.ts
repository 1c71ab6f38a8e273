export type ProgressFilter = {
  /** True if this progress is newer than all seen of its task and the task has not ended; then it counts as seen. */
  accepts: (progress: { taskId: string; epoch: number; counter: number }) => boolean
  /** Notes a durable event: an end shuts progress out for 60 s, a retry lets the task begin anew. */
  note: (event: { taskId: string; type: string }) => void
}

type Entry = { epoch: number; counter: number; ended: boolean; seenAtMs: number }

/** Longer than any message is under way. */
const rememberedMs = 60_000

const endings: ReadonlySet<string> = new Set([
  'upload.completed',
  'upload.failed',
  'task.completed',
  'task.failed',
  'task.cancelled',
  'task.expired',
])

/** Whether an event of this type ends its task. */
export function isEnd(type: string): boolean {
  return endings.has(type)
}

/**
 * Keeps progress true where messages overtake each other: per task it lets only newer progress pass, and none after the
 * end. It remembers at most `maxTasks` tasks, those heard of last.
 */
export function createProgressFilter({ maxTasks = 100_000, now = Date.now } = {}): ProgressFilter {
  // A Map keeps its keys in the order they were set: the longest untouched is first.
  const entries = new Map<string, Entry>()

  function remember(taskId: string, entry: Entry): void {
    entries.delete(taskId)
    entries.set(taskId, entry)
    for (const [oldest, { seenAtMs }] of entries) {
      if (entries.size <= maxTasks && seenAtMs > now() - rememberedMs) break
      entries.delete(oldest)
    }
  }

  return {
    accepts({ taskId, epoch, counter }) {
      const last = entries.get(taskId)
      const fresh = last !== undefined && last.seenAtMs > now() - rememberedMs
      if (fresh && (last.ended || epoch < last.epoch || (epoch === last.epoch && counter <= last.counter))) return false
      remember(taskId, { epoch, counter, ended: false, seenAtMs: now() })
      return true
    },
    note({ taskId, type }) {
      if (type === 'task.retried') entries.delete(taskId)
      if (isEnd(type)) remember(taskId, { epoch: 0, counter: 0, ended: true, seenAtMs: now() })
    },
  }
}
