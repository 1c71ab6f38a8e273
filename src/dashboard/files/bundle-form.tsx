import type { SubmitEvent } from 'react'
import { textOf } from '../forms/form-text.ts'
import { Dialog } from '../parts/dialog.tsx'
import { FormButtons } from '../parts/form-buttons.tsx'
import { useAction } from '../parts/notices.tsx'
import { useSession } from '../session.ts'

/** Makes a bundle: a named group of files. */
export function BundleForm({ onClose, onMade }: { onClose: () => void; onMade: () => void }) {
  const { client } = useSession()
  const { act, isBusy } = useAction()
  const make = async (event: SubmitEvent<HTMLFormElement>): Promise<void> => {
    event.preventDefault()
    const name = textOf(new FormData(event.currentTarget), 'name') ?? ''
    if (!(await act(() => client.bundles.create({ name }), `The bundle ${name} is there.`))) return
    onMade()
    onClose()
  }
  return (
    <Dialog title="New bundle" onClose={onClose}>
      <form onSubmit={(event) => void make(event)}>
        <label className="field">
          <span>Name</span>
          <input name="name" required maxLength={200} autoFocus />
        </label>
        <FormButtons button="Make it" isBusy={isBusy} onClose={onClose} />
      </form>
    </Dialog>
  )
}
