import { type SubmitEvent, useState } from 'react'
import type { AdminPoolView } from '../../client/browser.ts'
import { asError } from '../ask.ts'
import { Dialog } from '../parts/dialog.tsx'
import { FormButtons } from '../parts/form-buttons.tsx'
import { useSay } from '../parts/notices.tsx'
import { useSession } from '../session.ts'
import { changesFrom, newPoolFrom, mebibyte } from './pool-request.ts'

type Props = { pool?: AdminPoolView; onClose: () => void; onDone: () => void }

/** Makes a pool, or changes what may go into one. */
export function PoolForm({ pool, onClose, onDone }: Props) {
  const { client } = useSession()
  const say = useSay()
  const [kind, setKind] = useState(pool?.kind ?? 'local')
  const [failure, setFailure] = useState<string>()
  const [isBusy, setBusy] = useState(false)
  const save = async (event: SubmitEvent<HTMLFormElement>): Promise<void> => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    setBusy(true)
    try {
      if (pool === undefined) await client.admin.createPool(newPoolFrom(form))
      else await client.admin.changePool(pool.id, changesFrom(form, pool))
      say(pool === undefined ? 'The pool is there.' : 'Saved.')
      onDone()
      onClose()
    } catch (error) {
      setFailure(asError(error).message)
      setBusy(false)
    }
  }
  return (
    <Dialog title={pool === undefined ? 'New pool' : `Change ${pool.name}`} onClose={onClose}>
      <form onSubmit={(event) => void save(event)}>
        {failure !== undefined && (
          <p className="problem" role="alert">
            {failure}
          </p>
        )}
        <Field label="Name" name="name" value={pool?.name} isRequired isFixed={pool?.isDeclared} />
        {pool === undefined && <Place kind={kind} onKind={setKind} />}
        <Policy pool={pool} />
        <FormButtons button={pool === undefined ? 'Make it' : 'Save'} isBusy={isBusy} onClose={onClose} />
      </form>
    </Dialog>
  )
}

function Place({ kind, onKind }: { kind: string; onKind: (kind: string) => void }) {
  return (
    <>
      <label className="field">
        <span>Kind</span>
        <select name="kind" value={kind} onChange={(event) => onKind(event.target.value)}>
          <option value="local">A folder of the server</option>
          <option value="s3">An S3 bucket</option>
        </select>
      </label>
      {kind === 'local' ? (
        <Field label="Folder, below pools/ in the data folder" name="path" value="pools/" isRequired />
      ) : (
        <>
          <Field label="Bucket" name="bucket" isRequired />
          <Field label="Address, if not AWS’s own" name="endpoint" placeholder="https://s3.example.com" />
          <Field label="Region" name="region" placeholder="us-east-1" />
          <Field label="Prefix of all keys" name="prefix" placeholder="longshore/" />
          <Field label="Variable with the access key id" name="accessKeyId" placeholder="S3_ACCESS_KEY_ID" />
          <Field label="Variable with the secret" name="secretAccessKey" placeholder="S3_SECRET_ACCESS_KEY" />
          <label className="check">
            <input type="checkbox" name="pathStyle" defaultChecked /> The bucket stands in the path
          </label>
        </>
      )}
    </>
  )
}

function Policy({ pool }: { pool: AdminPoolView | undefined }) {
  const { maxFileSize, acceptedTypes, encryption, defaultExpirySeconds } = pool?.policy ?? {}
  return (
    <fieldset>
      <legend>What may go into it</legend>
      <Field
        label="Largest file in MiB"
        name="maxFileSize"
        type="number"
        value={maxFileSize && maxFileSize / mebibyte}
      />
      <Field
        label="Types, with commas between"
        name="acceptedTypes"
        value={acceptedTypes?.join(', ')}
        placeholder="image/*, application/pdf"
      />
      <label className="field">
        <span>Encryption</span>
        <select name="encryption" defaultValue={encryption ?? 'allowed'}>
          <option value="allowed">allowed</option>
          <option value="required">required</option>
          <option value="refused">refused</option>
        </select>
      </label>
      <Field
        label="Files expire after days"
        name="expiryDays"
        type="number"
        value={defaultExpirySeconds && defaultExpirySeconds / 86_400}
      />
      <Field
        label="A byte counts as so many of the quota"
        name="costMultiplier"
        type="number"
        value={pool?.costMultiplier ?? 1}
      />
    </fieldset>
  )
}

type FieldProps = {
  label: string
  name: string
  value?: string | number | undefined
  type?: string
  placeholder?: string
  isRequired?: boolean
  isFixed?: boolean | undefined
}

function Field({ label, name, value, type = 'text', placeholder, isRequired, isFixed }: FieldProps) {
  return (
    <label className="field">
      <span>{label}</span>
      <input
        name={name}
        type={type}
        min={0}
        step="any"
        defaultValue={value}
        placeholder={placeholder}
        required={isRequired}
        readOnly={isFixed}
        autoComplete="off"
      />
    </label>
  )
}
