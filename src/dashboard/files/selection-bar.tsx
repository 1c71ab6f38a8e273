import { useState } from 'react'
import type { BundleView, FileView, TaskType } from '../../client/browser.ts'
import { useAsk } from '../ask.ts'
import { bytes, plural } from '../format.ts'
import { TaskForm } from '../forms/task-form.tsx'
import { useAction } from '../parts/notices.tsx'
import { useSession } from '../session.ts'
import { saveFile } from './download.ts'

type Props = {
  files: readonly FileView[]
  bundles: readonly BundleView[]
  isTrash: boolean
  onClear: () => void
  onChanged: () => void
}

/** What can be done with all files that are selected. */
export function SelectionBar(props: Props) {
  const { files, isTrash, onClear } = props
  if (files.length === 0) return null
  const size = files.reduce((sum, file) => sum + file.size, 0)
  return (
    <div className="selection" role="region" aria-label="Selected files">
      <strong>
        {plural(files.length, 'file')} · {bytes(size)}
      </strong>
      {isTrash ? <TrashActions {...props} /> : <FileActions {...props} />}
      <button type="button" className="button small plain" onClick={onClear}>
        Clear
      </button>
    </div>
  )
}

function TrashActions({ files, onChanged }: Props) {
  const { client } = useSession()
  const { act, isBusy } = useAction()
  const restore = async (): Promise<void> => {
    await act(
      () => Promise.all(files.map(({ id }) => client.files.restore(id))),
      `${plural(files.length, 'file')} restored.`,
    )
    onChanged()
  }
  return (
    <button type="button" className="button small" disabled={isBusy} onClick={() => void restore()}>
      Restore
    </button>
  )
}

function FileActions({ files, bundles, onChanged }: Props) {
  const { client } = useSession()
  const { act, isBusy } = useAction()
  const { answer: types = [] } = useAsk(() => client.tasks.types(), [client])
  const [chosen, setChosen] = useState<TaskType>()
  const each = async (does: (file: FileView) => Promise<unknown>, done: string): Promise<void> => {
    await act(async () => {
      for (const file of files) await does(file)
    }, done)
    onChanged()
  }
  const forFiles = types.filter(takesFiles)
  return (
    <>
      <label className="inline-field">
        <span className="hidden">Create a task</span>
        <select value="" onChange={(event) => setChosen(forFiles.find(({ type }) => type === event.target.value))}>
          <option value="">Create a task …</option>
          {forFiles.map(({ type, title }) => (
            <option key={type} value={type}>
              {title}
            </option>
          ))}
        </select>
      </label>
      <MoveToBundle files={files} bundles={bundles} isBusy={isBusy} each={each} />
      <button
        type="button"
        className="button small"
        disabled={isBusy}
        onClick={() => void act(() => downloadAll(client, files))}
      >
        Download
      </button>
      <button
        type="button"
        className="button small danger"
        disabled={isBusy}
        onClick={() =>
          void each((file) => client.files.delete(file.id), `${plural(files.length, 'file')} in the trash.`)
        }
      >
        Delete
      </button>
      {chosen !== undefined && <TaskForm type={chosen} files={files} onClose={() => setChosen(undefined)} />}
    </>
  )
}

type MoveProps = Pick<Props, 'files' | 'bundles'> & {
  isBusy: boolean
  each: (does: (file: FileView) => Promise<unknown>, done: string) => Promise<void>
}

function MoveToBundle({ files, bundles, isBusy, each }: MoveProps) {
  const { client } = useSession()
  return (
    <label className="inline-field">
      <span className="hidden">Move to a bundle</span>
      <select
        value=""
        disabled={isBusy}
        onChange={(event) => {
          const bundleId = event.target.value === 'none' ? null : event.target.value
          void each((file) => client.files.moveToBundle(file.id, bundleId), `${plural(files.length, 'file')} moved.`)
        }}
      >
        <option value="">Move to bundle …</option>
        <option value="none">In no bundle</option>
        {bundles.map(({ id, name }) => (
          <option key={id} value={id}>
            {name}
          </option>
        ))}
      </select>
    </label>
  )
}

async function downloadAll(client: ReturnType<typeof useSession>['client'], files: readonly FileView[]): Promise<void> {
  for (const file of files) await saveFile(client, file)
}

/** Whether its parameters name the files that it is about. */
function takesFiles({ parameters }: TaskType): boolean {
  return /"(fileIds?|targetIds)":/.test(JSON.stringify(parameters))
}
