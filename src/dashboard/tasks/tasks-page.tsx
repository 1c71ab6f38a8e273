import { useState } from 'react'
import type { TaskType } from '../../client/browser.ts'
import { useAsk, useSoon } from '../ask.ts'
import { count, plural, words } from '../format.ts'
import { TaskForm } from '../forms/task-form.tsx'
import { useLive } from '../use-live.ts'
import { useAction } from '../parts/notices.tsx'
import { Empty, Failure, Loading } from '../parts/states.tsx'
import { statuses, statusName } from '../parts/status.tsx'
import { go, useRoute, withQuery } from '../router.ts'
import { useSession } from '../session.ts'
import { TaskTable } from './task-table.tsx'
import { useTaskList } from './use-task-list.ts'

/** Tasks, as they are now. */
export function TasksPage() {
  const { query } = useRoute()
  const status = statuses.find((one) => one === query.get('status'))
  const type = query.get('type') ?? undefined
  const { list, tasks, total, isLoading, error } = useTaskList({ status, type })
  const isNarrowed = status !== undefined || type !== undefined
  return (
    <>
      <h1>Tasks</h1>
      <section className="panel" aria-label="Tasks">
        <Filters status={status ?? ''} type={type ?? ''} />
        {error !== undefined && tasks.length === 0 ? (
          <Failure error={error} onRetry={() => void list.reload()} />
        ) : tasks.length === 0 && isLoading ? (
          <Loading rows={8} label="Loading tasks" />
        ) : tasks.length === 0 ? (
          <Empty icon={isNarrowed ? 'search' : 'bolt'} title={isNarrowed ? 'No task fits' : 'No tasks yet'}>
            {isNarrowed ? 'Tasks that begin to fit appear here.' : 'Select files and create one, or upload something.'}
          </Empty>
        ) : (
          <>
            <TaskTable list={list} tasks={tasks} total={total} />
            <footer className="pager">
              <span className="muted">{plural(total, 'task')}, the newest first</span>
            </footer>
          </>
        )}
      </section>
    </>
  )
}

function Filters({ status, type }: { status: string; type: string }) {
  const route = useRoute()
  const { client } = useSession()
  const { answer: stats, reload } = useAsk(() => client.tasks.stats(), [client])
  const { answer: types = [] } = useAsk(() => client.tasks.types(), [client])
  // However much happens, figures are asked for once a second.
  const reloadSoon = useSoon(1000, reload)
  useLive({
    onEvent: ({ type: event }) => void (event !== 'task.progress' && event !== 'upload.progress' && reloadSoon()),
  })
  const narrow = (changes: Record<string, string>) => go(withQuery(route, changes))
  const known = [
    ...new Set([...types.map((one) => one.type), ...Object.keys(stats?.byType ?? {}), ...(type === '' ? [] : [type])]),
  ].sort()
  return (
    <div className="filters">
      <div className="chips" role="group" aria-label="Status">
        <Chip text="All" number={stats?.total} isOn={status === ''} onClick={() => narrow({ status: '' })} />
        {statuses.map((one) => (
          <Chip
            key={one}
            text={statusName(one)}
            number={stats?.byStatus[one]}
            isOn={status === one}
            onClick={() => narrow({ status: one })}
          />
        ))}
      </div>
      <span className="spring" />
      <label className="inline-field">
        <span>Type</span>
        <select value={type} onChange={(event) => narrow({ type: event.target.value })}>
          <option value="">All types</option>
          {known.map((one) => (
            <option key={one} value={one}>
              {types.find((other) => other.type === one)?.title ?? words(one)}
            </option>
          ))}
        </select>
      </label>
      <NewTask types={types} />
      {(stats?.byStatus.Failed ?? 0) > 0 && <RetryFailed type={type} />}
    </div>
  )
}

function Chip({
  text,
  number,
  isOn,
  onClick,
}: {
  text: string
  number: number | undefined
  isOn: boolean
  onClick: () => void
}) {
  return (
    <button type="button" className="chip" aria-pressed={isOn} onClick={onClick}>
      {text}
      {number !== undefined && number > 0 && <span className="count">{count(number)}</span>}
    </button>
  )
}

/** For types that are not about selected files. */
function NewTask({ types }: { types: readonly TaskType[] }) {
  const [chosen, setChosen] = useState<TaskType>()
  const others = types.filter(({ parameters }) => !/"fileIds?":/.test(JSON.stringify(parameters)))
  if (others.length === 0) return null
  return (
    <>
      <label className="inline-field">
        <span className="hidden">New task</span>
        <select value="" onChange={(event) => setChosen(others.find(({ type }) => type === event.target.value))}>
          <option value="">New task …</option>
          {others.map(({ type, title }) => (
            <option key={type} value={type}>
              {title}
            </option>
          ))}
        </select>
      </label>
      {chosen !== undefined && <TaskForm type={chosen} files={[]} onClose={() => setChosen(undefined)} />}
    </>
  )
}

function RetryFailed({ type }: { type: string }) {
  const { client } = useSession()
  const { act, isBusy } = useAction()
  const retry = () => client.tasks.retryAll(type === '' ? {} : { type })
  return (
    <button
      type="button"
      className="button small"
      disabled={isBusy}
      onClick={() => void act(retry, 'Failed tasks begin anew.')}
    >
      Retry failed
    </button>
  )
}
