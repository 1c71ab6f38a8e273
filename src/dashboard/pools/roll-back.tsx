import { useState } from 'react'
import type { TaskType, TaskView } from '../../client/browser.ts'
import { TaskForm } from '../forms/task-form.tsx'
import { Icon } from '../parts/icon.tsx'

/** Runs a migration the other way round, after a look at what that is. */
export function RollBack({ task: { name, parameters }, type }: { task: TaskView; type: TaskType }) {
  const [isAsking, setAsking] = useState(false)
  const { sourcePoolId, targetPoolId } = parameters
  const back = { ...parameters, sourcePoolId: targetPoolId, targetPoolId: sourcePoolId, dryRun: false }
  return (
    <>
      <button
        type="button"
        className="icon-button"
        aria-label={`Roll back ${name}`}
        title="Roll back"
        onClick={() => setAsking(true)}
      >
        <Icon name="undo" />
      </button>
      {isAsking && (
        <TaskForm
          type={type}
          title="Roll a migration back"
          hint="Everything in its target that fits moves to its source, also what lay there before."
          files={[]}
          start={back}
          onClose={() => setAsking(false)}
        />
      )}
    </>
  )
}
