import { type SubmitEvent, useState } from 'react'
import { hasEnded, LongshoreError, type TaskView } from '../../client/browser.ts'
import { textOf } from '../forms/form-text.ts'
import { words } from '../format.ts'
import { Dialog } from '../parts/dialog.tsx'
import { FormButtons } from '../parts/form-buttons.tsx'
import { Icon, type IconName } from '../parts/icon.tsx'
import { useAction } from '../parts/notices.tsx'
import { useSession } from '../session.ts'

type Props = { task: TaskView; hasWords?: boolean; onDone?: (() => void) | undefined }

/** What can be done with a task as it stands now; nothing else is offered. */
export function TaskButtons({ task, hasWords = false, onDone }: Props) {
  const { client } = useSession()
  const { act, isBusy } = useAction()
  const [secrets, setSecrets] = useState<string[]>()
  const { taskId, name, status } = task
  const button = (verb: string, icon: IconName, does: () => Promise<unknown>) => (
    <button
      type="button"
      className={hasWords ? 'button small' : 'icon-button'}
      disabled={isBusy}
      aria-label={`${verb} ${name}`}
      title={verb}
      onClick={() => void act(does).then((isDone) => isDone && onDone?.())}
    >
      <Icon name={icon} />
      {hasWords && verb}
    </button>
  )
  const retry = async (): Promise<void> => {
    try {
      await client.tasks.retry(taskId)
    } catch (error) {
      if (!(error instanceof LongshoreError) || error.code !== 'SECRET_REQUIRED') throw error
      setSecrets(secretsIn(error))
    }
  }
  const isOpen = !hasEnded(task)
  return (
    <>
      {/* One after the other in one place, so that it keeps the focus. */}
      {status === 'Pending' || status === 'InProgress'
        ? button('Pause', 'pause', () => client.tasks.pause(taskId))
        : status === 'Paused' && button('Resume', 'play', () => client.tasks.resume(taskId))}
      {isOpen && button('Cancel', 'close', () => client.tasks.cancel(taskId))}
      {(status === 'Failed' || status === 'Cancelled') && button('Retry', 'retry', retry)}
      {!isOpen && button('Delete', 'trash', () => client.tasks.delete(taskId))}
      {secrets !== undefined && (
        <SecretsForm taskId={taskId} names={secrets} onClose={() => setSecrets(undefined)} onDone={onDone} />
      )}
    </>
  )
}

type SecretsProps = { taskId: string; names: readonly string[]; onClose: () => void; onDone: (() => void) | undefined }

/** Passwords are erased when a task has ended, so that a retry needs them again. */
function SecretsForm({ taskId, names, onClose, onDone }: SecretsProps) {
  const { client } = useSession()
  const { act, isBusy } = useAction()
  const retry = async (event: SubmitEvent<HTMLFormElement>): Promise<void> => {
    event.preventDefault()
    const given = secretsFrom(new FormData(event.currentTarget), names)
    if (!(await act(() => client.tasks.retry(taskId, given)))) return
    onDone?.()
    onClose()
  }
  return (
    <Dialog title="Retry" onClose={onClose}>
      <form onSubmit={(event) => void retry(event)}>
        <p>Passwords are not kept once a task has ended. Give them again.</p>
        {names.map((name) => (
          <label key={name} className="field">
            <span>{words(name)}</span>
            <input name={name} type="password" autoComplete="off" />
          </label>
        ))}
        <FormButtons button="Retry" isBusy={isBusy} onClose={onClose} />
      </form>
    </Dialog>
  )
}

/** What is left empty is not given. Those whose name is in the plural are lists. */
function secretsFrom(form: FormData, names: readonly string[]): Record<string, string | string[]> {
  const given = names.flatMap((name): [string, string | string[]][] => {
    const text = textOf(form, name)
    return text === undefined ? [] : [[name, name.endsWith('s') ? text.split(/\s+/) : text]]
  })
  return Object.fromEntries(given)
}

function secretsIn({ details }: LongshoreError): string[] {
  const { fields } = details
  return Array.isArray(fields) ? fields.map(String) : ['password']
}
