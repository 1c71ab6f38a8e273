import { memo, useEffect, useRef } from 'react'
import type { TaskView } from '../../client/browser.ts'
import { fullMoment, moment, words } from '../format.ts'
import { Progress } from '../parts/progress.tsx'
import { Status } from '../parts/status.tsx'
import { useIsNarrow, useVirtualRows } from '../parts/virtual-rows.ts'
import { TaskButtons } from './task-buttons.tsx'
import type { TaskList } from './task-list.ts'

type Props = { list: TaskList; tasks: readonly TaskView[]; total: number }

/** As many rows as there are tasks, of which those are made that are near what is seen. */
export function TaskTable({ list, tasks, total }: Props) {
  const body = useRef<HTMLDivElement>(null)
  const rowHeight = useIsNarrow() ? 76 : 44
  const { start, end, before, after } = useVirtualRows(body, total, rowHeight)
  useEffect(() => list.want(end), [list, end])
  const rows = Array.from({ length: end - start }, (_, index) => start + index)
  return (
    <div className="table tasks-table" role="table" aria-label="Tasks" aria-rowcount={total + 1}>
      <div className="row head" role="row" aria-rowindex={1}>
        <span role="columnheader">Task</span>
        <span role="columnheader">Status</span>
        <span role="columnheader">Progress</span>
        <span role="columnheader" className="wide number">
          Priority
        </span>
        <span role="columnheader" className="wide">
          Created
        </span>
        <span role="columnheader" className="hidden">
          Actions
        </span>
      </div>
      <div ref={body} role="rowgroup" style={{ paddingBlockStart: before, paddingBlockEnd: after }}>
        {rows.map((index) => {
          const task = tasks[index]
          return task === undefined ? (
            <div key={index} className="row loading" role="row" aria-rowindex={index + 2}>
              <span role="cell">
                <span className="bar" />
              </span>
            </div>
          ) : (
            <TaskRow key={task.taskId} list={list} task={task} index={index} />
          )
        })}
      </div>
    </div>
  )
}

const TaskRow = memo(function TaskRow({ list, task, index }: { list: TaskList; task: TaskView; index: number }) {
  const { taskId, name, type, status, statusMessage, errorMessage, progress, priority, createdAt, waitsFor } = task
  const beside =
    status === 'Failed'
      ? errorMessage
      : waitsFor > 0 && status === 'Pending'
        ? `waits for ${waitsFor} other${waitsFor === 1 ? '' : 's'}`
        : statusMessage
  return (
    <div className="row" role="row" aria-rowindex={index + 2}>
      <span role="cell" className="task-name">
        <a className="ellipsis" href={`#/tasks/${taskId}`} title={name}>
          {name}
        </a>
        <span className="muted ellipsis">
          {words(type)}
          {beside ? ` · ${beside}` : ''}
        </span>
      </span>
      <span role="cell">
        <Status status={status} />
      </span>
      <span role="cell" className="task-progress">
        <Progress percent={progress} label={`Progress of ${name}`} tone={toneOf(task)} />
        <span className="number">{Math.round(progress)} %</span>
      </span>
      <span role="cell" className="wide number muted">
        {priority}
      </span>
      <span role="cell" className="wide muted" title={fullMoment(createdAt)}>
        {moment(createdAt)}
      </span>
      <span role="cell" className="buttons">
        <TaskButtons task={task} onDone={() => void list.check(taskId)} />
      </span>
    </div>
  )
})

/** The colour of a task's bar. */
export function toneOf({ status }: Pick<TaskView, 'status'>): string {
  if (status === 'Completed') return 'good'
  if (status === 'Failed' || status === 'Expired') return 'bad'
  return status === 'InProgress' ? '' : 'off'
}
