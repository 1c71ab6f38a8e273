import { useCallback, useState } from 'react'
import type { TaskView } from '../../client/browser.ts'
import { useAsk } from '../ask.ts'
import { duration, fullMoment, moment, words } from '../format.ts'
import { useLive } from '../use-live.ts'
import { Icon } from '../parts/icon.tsx'
import { Progress } from '../parts/progress.tsx'
import { Failure, Loading } from '../parts/states.tsx'
import { Status } from '../parts/status.tsx'
import { go } from '../router.ts'
import { useSession } from '../session.ts'
import { Chain } from './chain.tsx'
import { TaskButtons } from './task-buttons.tsx'
import { toneOf } from './task-table.tsx'
import { Timeline } from './timeline.tsx'

/** One task: how it stands, what it was told, what came of it, what happened, and who waits for whom. */
export function TaskPage({ taskId }: { taskId: string }) {
  const { client } = useSession()
  const { answer, error, reload } = useAsk(async () => {
    const [task, events] = await Promise.all([client.tasks.get(taskId), client.tasks.events(taskId)])
    return { task, events }
  }, [client, taskId])
  const [live, setLive] = useState<Pick<TaskView, 'progress' | 'statusMessage'>>()
  useLive({
    onEvent: ({ type, data }) => {
      if (!('taskId' in data) || data.taskId !== taskId) return
      if (type === 'task.progress') setLive({ progress: data.progress, statusMessage: data.statusMessage })
      else if (type === 'upload.progress') setLive({ progress: data.progress, statusMessage: null })
      else {
        setLive(undefined)
        reload()
      }
    },
  })
  const done = useCallback(() => {
    client.tasks.get(taskId).then(reload, () => go('#/tasks'))
  }, [client, taskId, reload])
  return (
    <>
      <a className="back" href="#/tasks">
        <Icon name="back" /> All tasks
      </a>
      {answer === undefined && <h1>Task</h1>}
      {error !== undefined && answer === undefined ? (
        <Failure error={error} onRetry={reload} />
      ) : answer === undefined ? (
        <Loading label="Loading the task" />
      ) : (
        <>
          <Head task={{ ...answer.task, ...(answer.task.status === 'InProgress' ? live : {}) }} onDone={done} />
          <div className="columns">
            <div>
              <Chain task={answer.task} />
              <Json title="Parameters" value={answer.task.parameters} />
              {answer.task.results !== null && <Json title="Results" value={answer.task.results} />}
            </div>
            <Timeline events={answer.events} />
          </div>
        </>
      )}
    </>
  )
}

function Head({ task, onDone }: { task: TaskView; onDone: () => void }) {
  const { name, status, progress, statusMessage, errorMessage, errorCode, description } = task
  return (
    <section className="panel task-head" aria-label="How it stands">
      <div className="task-title">
        <h1>{name}</h1>
        <Status status={status} />
        <span className="spring" />
        <TaskButtons task={task} hasWords onDone={onDone} />
      </div>
      {description !== null && <p className="muted">{description}</p>}
      <div className="task-progress">
        <Progress percent={progress} label="Progress" tone={toneOf(task)} />
        <span className="number" aria-live="polite">
          {Math.round(progress)} %
        </span>
      </div>
      {errorMessage !== null && status !== 'Completed' && (
        <p className="problem">
          {errorMessage} {errorCode !== null && <code>{errorCode}</code>}
        </p>
      )}
      {statusMessage !== null && <p className="muted">{statusMessage}</p>}
      <Facts task={task} />
    </section>
  )
}

function Facts({ task }: { task: TaskView }) {
  const { taskId, type, priority, attempts, createdAt, startedAt, completedAt, expiredAt } = task
  const took =
    startedAt !== null && completedAt !== null ? (Date.parse(completedAt) - Date.parse(startedAt)) / 1000 : undefined
  const at = (moments: string | null) =>
    moments === null ? '–' : <span title={fullMoment(moments)}>{moment(moments)}</span>
  return (
    <dl className="facts grid">
      <Fact name="Type">{words(type)}</Fact>
      <Fact name="Priority">{priority}</Fact>
      <Fact name="Attempts">{attempts}</Fact>
      <Fact name="Created">{at(createdAt)}</Fact>
      <Fact name="Started">{at(startedAt)}</Fact>
      <Fact name="Ended">{at(completedAt)}</Fact>
      {took !== undefined && <Fact name="Took">{duration(took)}</Fact>}
      {expiredAt !== null && <Fact name="Deadline">{at(expiredAt)}</Fact>}
      <Fact name="Id">
        <span className="mono">{taskId}</span>
      </Fact>
    </dl>
  )
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}

function Json({ title, value }: { title: string; value: Record<string, unknown> }) {
  const entries = Object.entries(value)
  return (
    <section className="panel" aria-label={title}>
      <header>
        <h2>{title}</h2>
      </header>
      {entries.length === 0 ? (
        <p className="muted pad">None.</p>
      ) : (
        <dl className="facts pairs">
          {entries.map(([name, inside]) => (
            <Fact key={name} name={words(name)}>
              {typeof inside === 'object' && inside !== null ? (
                <pre tabIndex={0} aria-label={words(name)}>
                  {JSON.stringify(inside, undefined, 2)}
                </pre>
              ) : (
                <span className="break">{String(inside)}</span>
              )}
            </Fact>
          ))}
        </dl>
      )}
    </section>
  )
}
