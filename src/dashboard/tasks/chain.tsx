import type { TaskLink, TaskView } from '../../client/browser.ts'
import { useAsk } from '../ask.ts'
import { useLive } from '../use-live.ts'
import { Status } from '../parts/status.tsx'
import { useSession } from '../session.ts'

/** What a task waits for, and who waits for it. Nothing is shown of one that stands alone. */
export function Chain({ task }: { task: TaskView }) {
  const { client } = useSession()
  const { answer, reload } = useAsk(() => client.tasks.chain(task.taskId), [client, task.taskId, task.updatedAt])
  const members = [...(answer?.before ?? []), ...(answer?.after ?? [])]
  const ids = new Set(members.map(({ taskId }) => taskId))
  useLive({
    onEvent: ({ type, data }) => {
      if (type !== 'task.progress' && 'taskId' in data && ids.has(data.taskId)) reload()
    },
  })
  if (answer === undefined || members.length === 0) return null
  return (
    <section className="panel" aria-labelledby="chain-title">
      <header>
        <h2 id="chain-title">Chain</h2>
      </header>
      <div className="chain">
        <Links title="Waits for" tasks={answer.before} />
        <p className="chain-self">
          <strong className="ellipsis">{task.name}</strong> <Status status={task.status} />
        </p>
        <Links title="Wait for it" tasks={answer.after} />
      </div>
    </section>
  )
}

function Links({ title, tasks }: { title: string; tasks: readonly TaskLink[] }) {
  if (tasks.length === 0) return null
  return (
    <div>
      <h3>{title}</h3>
      <ul>
        {tasks.map(({ taskId, name, status }) => (
          <li key={taskId}>
            <a className="ellipsis" href={`#/tasks/${taskId}`}>
              {name}
            </a>
            <Status status={status} />
          </li>
        ))}
      </ul>
    </div>
  )
}
