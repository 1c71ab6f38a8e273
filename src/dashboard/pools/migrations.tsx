import { hasEnded, type TaskView } from '../../client/browser.ts'
import { useAsk } from '../ask.ts'
import { useSession } from '../session.ts'
import { duration, moment, rate } from '../format.ts'
import { Progress } from '../parts/progress.tsx'
import { Status } from '../parts/status.tsx'
import { TaskButtons } from '../tasks/task-buttons.tsx'
import { toneOf } from '../tasks/task-table.tsx'
import { RollBack } from './roll-back.tsx'
import { useTaskList } from '../tasks/use-task-list.ts'

/** Migrations of this account: how far they are, how fast they go, and running one the other way round. */
export function Migrations({ pools }: { pools: readonly { id: string; name: string }[] }) {
  const { list, tasks } = useTaskList({ status: undefined, type: 'StorageMigration' })
  const { client } = useSession()
  const { answer: types = [] } = useAsk(() => client.tasks.types(), [client])
  const type = types.find((one) => one.type === 'StorageMigration')
  if (tasks.length === 0) return null
  const names = new Map(pools.map(({ id, name }) => [id, name]))
  return (
    <section className="panel" aria-labelledby="migrations-title">
      <header>
        <h2 id="migrations-title">Migrations</h2>
      </header>
      <ul className="uploads">
        {tasks.slice(0, 20).map((task) => (
          <li key={task.taskId} className="upload">
            <div className="upload-name">
              <a href={`#/tasks/${task.taskId}`}>
                {nameOf(names, task, 'sourcePoolId')} → {nameOf(names, task, 'targetPoolId')}
              </a>
              <Status status={task.status} />
            </div>
            <Progress percent={task.progress} label="Progress of the migration" tone={toneOf(task)} />
            <div className="upload-facts muted">{factsOf(task)}</div>
            <div className="upload-buttons">
              {type !== undefined && canBeRolledBack(task) && <RollBack task={task} type={type} />}
              <TaskButtons task={task} onDone={() => void list.check(task.taskId)} />
            </div>
          </li>
        ))}
      </ul>
    </section>
  )
}

/** What it moved can be moved back once it has ended, however it did. */
function canBeRolledBack(task: TaskView): boolean {
  return hasEnded(task) && task.startedAt !== null && task.parameters['dryRun'] !== true
}

function nameOf(names: ReadonlyMap<string, string>, { parameters }: TaskView, field: string): string {
  const id = String(parameters[field])
  return names.get(id) ?? id.slice(0, 8)
}

function factsOf({
  progress,
  startedAt,
  completedAt,
  createdAt,
  results,
  status,
  statusMessage,
  errorMessage,
}: TaskView): string {
  if (startedAt === null) return `Created ${moment(createdAt)}`
  const seconds = Math.max(
    0.001,
    ((completedAt === null ? Date.now() : Date.parse(completedAt)) - Date.parse(startedAt)) / 1000,
  )
  const copied = results?.['bytesCopied']
  if (typeof copied === 'number')
    return `${String(results?.['report'])} ${rate(copied / seconds)} over ${duration(seconds)}`
  if (status === 'Failed') return errorMessage ?? 'Failed'
  const perMinute = (60 * progress) / seconds
  const left = perMinute === 0 ? '' : ` · ${duration((60 * (100 - progress)) / perMinute)} left`
  return [
    statusMessage,
    `${Math.round(progress)} % · ${perMinute.toFixed(1)} % a minute${status === 'InProgress' ? left : ''}`,
  ]
    .filter(Boolean)
    .join(' · ')
}
