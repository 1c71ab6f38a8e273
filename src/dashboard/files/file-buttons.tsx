import { type SubmitEvent, useState } from 'react'
import type { FileView } from '../../client/browser.ts'
import { textOf } from '../forms/form-text.ts'
import { Dialog } from '../parts/dialog.tsx'
import { FormButtons } from '../parts/form-buttons.tsx'
import { Icon } from '../parts/icon.tsx'
import { useAction } from '../parts/notices.tsx'
import { useSession } from '../session.ts'
import { saveFile } from './download.ts'

/** What can be done with one file. */
export function FileButtons({ file, isTrash, onChanged }: { file: FileView; isTrash: boolean; onChanged: () => void }) {
  const { client } = useSession()
  const { act, isBusy } = useAction()
  const [isEditing, setEditing] = useState(false)
  const change = (does: () => Promise<unknown>, done: string) => async () => {
    if (await act(does, done)) onChanged()
  }
  if (isTrash) {
    return (
      <Button
        label={`Restore ${file.name}`}
        icon="retry"
        isBusy={isBusy}
        onClick={change(() => client.files.restore(file.id), `${file.name} is back.`)}
      />
    )
  }
  return (
    <>
      <Button
        label={`Download ${file.name}`}
        icon="download"
        isBusy={isBusy}
        onClick={() => act(() => orNot(saveFile(client, file)))}
      />
      <Button label={`Edit ${file.name}`} icon="edit" onClick={() => setEditing(true)} />
      <Button
        label={`Delete ${file.name}`}
        icon="trash"
        isBusy={isBusy}
        onClick={change(() => client.files.delete(file.id), `${file.name} is in the trash.`)}
      />
      {isEditing && <EditFile file={file} onClose={() => setEditing(false)} onChanged={onChanged} />}
    </>
  )
}

type ButtonProps = {
  label: string
  icon: 'download' | 'edit' | 'trash' | 'retry'
  isBusy?: boolean
  onClick: () => unknown
}

function Button({ label, icon, isBusy, onClick }: ButtonProps) {
  return (
    <button
      type="button"
      className="icon-button"
      aria-label={label}
      title={label.split(' ')[0]}
      disabled={isBusy}
      onClick={() => void onClick()}
    >
      <Icon name={icon} />
    </button>
  )
}

/** Name and tags. */
function EditFile({ file, onClose, onChanged }: { file: FileView; onClose: () => void; onChanged: () => void }) {
  const { client } = useSession()
  const { act, isBusy } = useAction()
  const save = async (event: SubmitEvent<HTMLFormElement>): Promise<void> => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const name = textOf(form, 'name') ?? file.name
    const tags = tagsIn(textOf(form, 'tags') ?? '')
    if (!(await act(() => client.files.change(file.id, { name, tags }), 'Saved.'))) return
    onChanged()
    onClose()
  }
  return (
    <Dialog title="Edit file" onClose={onClose}>
      <form onSubmit={(event) => void save(event)}>
        <label className="field">
          <span>Name</span>
          <input name="name" required maxLength={1024} defaultValue={file.name} autoFocus />
        </label>
        <label className="field">
          <span>Tags, with commas between</span>
          <input name="tags" defaultValue={file.tags.join(', ')} />
        </label>
        <details>
          <summary>Details</summary>
          <dl className="facts">
            <dt>Id</dt>
            <dd className="mono">{file.id}</dd>
            <dt>SHA-256</dt>
            <dd className="mono">{file.hash}</dd>
          </dl>
        </details>
        <FormButtons button="Save" isBusy={isBusy} onClose={onClose} />
      </form>
    </Dialog>
  )
}

function tagsIn(text: string): string[] {
  return text
    .split(',')
    .map((tag) => tag.trim())
    .filter(Boolean)
}

/** Somebody who closes the system's dialog has not met an error. */
async function orNot(saving: Promise<void>): Promise<void> {
  try {
    await saving
  } catch (error) {
    if (!(error instanceof DOMException) || error.name !== 'AbortError') throw error
  }
}
