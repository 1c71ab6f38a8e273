import { type SubmitEvent, useMemo, useState } from 'react'
import { type FileView, LongshoreError, type TaskType } from '../../client/browser.ts'
import { asError } from '../ask.ts'
import { plural } from '../format.ts'
import { Dialog } from '../parts/dialog.tsx'
import { FormButtons } from '../parts/form-buttons.tsx'
import { useSay } from '../parts/notices.tsx'
import { go } from '../router.ts'
import { useSession } from '../session.ts'
import { asSchema, filledIn, isValues, startValues } from './schema.ts'
import { SchemaFields } from './schema-fields.tsx'

type Props = {
  type: TaskType
  /** What stands above the form where that is not the type's own title. */
  title?: string
  hint?: string
  files: readonly FileView[]
  start?: Record<string, unknown>
  onClose: () => void
}

/** Creates a task of a type; its form is made of the type's JSON Schema. Without a place for several files it makes one for each. */
export function TaskForm({ type, title = type.title, hint, files, start = {}, onClose }: Props) {
  const { client } = useSession()
  const say = useSay()
  const schema = useMemo(() => asSchema(type.parameters), [type])
  const [values, setValues] = useState(() => ({
    ...startValues(
      schema,
      files.map(({ id }) => id),
    ),
    ...start,
  }))
  const [priority, setPriority] = useState(50)
  const [failure, setFailure] = useState<Error>()
  const [isBusy, setBusy] = useState(false)
  const isForEach = schema.properties?.['fileId'] !== undefined && files.length > 1
  const create = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault()
    setBusy(true)
    try {
      const parameters = filledIn(values)
      const all = isForEach ? files.map(({ id }) => ({ ...parameters, fileId: id })) : [parameters]
      const tasks = await client.tasks.createBatch(all.map((one) => ({ type: type.type, parameters: one, priority })))
      say(`${plural(tasks.length, 'task')} created: ${type.title}.`)
      onClose()
      const [task] = tasks
      if (task !== undefined) go(tasks.length === 1 ? `#/tasks/${task.taskId}` : `#/tasks?type=${type.type}`)
    } catch (error) {
      setFailure(asError(error))
      setBusy(false)
    }
  }
  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={(event) => void create(event)}>
        {hint !== undefined && <p className="hint">{hint}</p>}
        {isForEach && <p className="hint">One task for each of {plural(files.length, 'file')}.</p>}
        {failure !== undefined && (
          <p className="problem" role="alert">
            {failure.message}
          </p>
        )}
        <SchemaFields schema={schema} values={values} problems={problemsIn(failure)} path="" onChange={setValues} />
        <Priority value={priority} onChange={setPriority} />
        <FormButtons button="Create" isBusy={isBusy} onClose={onClose} />
      </form>
    </Dialog>
  )
}

function Priority({ value, onChange }: { value: number; onChange: (value: number) => void }) {
  return (
    <label className="field">
      <span>Priority, 0 to 100</span>
      <input
        type="number"
        min={0}
        max={100}
        required
        value={Number.isNaN(value) ? '' : value}
        onChange={(event) => onChange(event.target.valueAsNumber)}
      />
    </label>
  )
}

/** What is wrong with which field, by its path within the parameters. */
function problemsIn(failure: Error | undefined): Map<string, string> {
  const errors: unknown = failure instanceof LongshoreError ? failure.details['errors'] : undefined
  const problems = new Map<string, string>()
  for (const error of Array.isArray(errors) ? errors : []) {
    if (!isValues(error)) continue
    const { field, message } = error
    problems.set(String(field).replace(/^(tasks\.\d+\.)?parameters\./, ''), String(message))
  }
  return problems
}
