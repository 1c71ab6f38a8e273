import { useState } from 'react'
import type { AdminPoolView, PoolUsageView } from '../../client/browser.ts'
import { bytes, plural } from '../format.ts'
import { Confirm } from '../parts/dialog.tsx'
import { useAction } from '../parts/notices.tsx'
import { useSession } from '../session.ts'
import { PoolForm } from './pool-form.tsx'

type Props = { pool: AdminPoolView; usage: PoolUsageView | undefined; onChanged: () => void }

/** A pool as administrators see it. */
export function PoolCard({ pool, usage, onChanged }: Props) {
  const { id, name, kind, isDefault, isDeclared, disabledAt, filesCount, usedBytes, uploadsCount, policy } = pool
  return (
    <section className="panel card" aria-labelledby={`pool-${id}`}>
      <header>
        <h2 id={`pool-${id}`}>{name}</h2>
        <span className="tag">{kind}</span>
        {isDefault && <span className="tag">default</span>}
        {disabledAt !== null && <span className="status paused">Disabled</span>}
      </header>
      <dl className="figures">
        <div>
          <dt>Stored</dt>
          <dd>{bytes(usedBytes)}</dd>
        </div>
        <div>
          <dt>Files</dt>
          <dd>{filesCount.toLocaleString()}</dd>
        </div>
        <div>
          <dt>On the way</dt>
          <dd>{uploadsCount.toLocaleString()}</dd>
        </div>
      </dl>
      <dl className="facts pairs">
        <div>
          <dt>Yours</dt>
          <dd>{usage === undefined ? 'None' : `${plural(usage.filesCount, 'file')}, ${bytes(usage.usedBytes)}`}</dd>
        </div>
        <div>
          <dt>Largest file</dt>
          <dd>{policy.maxFileSize === undefined ? 'Any size' : bytes(policy.maxFileSize)}</dd>
        </div>
        <div>
          <dt>Types</dt>
          <dd>{policy.acceptedTypes?.join(', ') ?? 'All'}</dd>
        </div>
        <div>
          <dt>Managed</dt>
          <dd>{isDeclared ? 'by the settings of the processes' : 'here'}</dd>
        </div>
      </dl>
      <Buttons pool={pool} onChanged={onChanged} />
    </section>
  )
}

function Buttons({ pool, onChanged }: { pool: AdminPoolView; onChanged: () => void }) {
  const { client } = useSession()
  const { act, isBusy } = useAction()
  const [isEditing, setEditing] = useState(false)
  const [isDeleting, setDeleting] = useState(false)
  const { id, name, disabledAt, isDefault, isDeclared, filesCount, uploadsCount } = pool
  const toggle = () => (disabledAt === null ? client.admin.disablePool(id) : client.admin.enablePool(id))
  const changed = (isDone: boolean): void => {
    if (isDone) onChanged()
  }
  return (
    <footer className="card-buttons">
      <button type="button" className="button small" aria-label={`Change ${name}`} onClick={() => setEditing(true)}>
        Change
      </button>
      <button
        type="button"
        className="button small"
        aria-label={`${disabledAt === null ? 'Disable' : 'Enable'} ${name}`}
        disabled={isBusy}
        onClick={() => void act(toggle).then(changed)}
      >
        {disabledAt === null ? 'Disable' : 'Enable'}
      </button>
      {!isDefault && !isDeclared && filesCount + uploadsCount === 0 && (
        <button
          type="button"
          className="button small danger"
          aria-label={`Delete ${name}`}
          onClick={() => setDeleting(true)}
        >
          Delete
        </button>
      )}
      {isEditing && <PoolForm pool={pool} onClose={() => setEditing(false)} onDone={onChanged} />}
      {isDeleting && (
        <Confirm
          title={`Delete ${name}?`}
          text="Nothing lies in it. It is taken off the list for good."
          button="Delete"
          onConfirm={() => void act(() => client.admin.deletePool(id)).then(changed)}
          onClose={() => setDeleting(false)}
        />
      )}
    </footer>
  )
}
