import { useAsk } from '../ask.ts'
import { useSession } from '../session.ts'

type Common = { required: boolean; 'aria-invalid': true | undefined; 'aria-describedby': string | undefined }

/** One of the pools that the account may put files into. */
export function PoolChoice({ value, onChoose, ...common }: Common & { value: string; onChoose: (id: string) => void }) {
  const { client } = useSession()
  const { answer: pools = [] } = useAsk(() => client.pools.list(), [client])
  return (
    <select {...common} value={value} onChange={(event) => onChoose(event.target.value)}>
      <option value="">{common.required ? 'Choose …' : 'As it is'}</option>
      {pools.map(({ id, name, disabled }) => (
        <option key={id} value={id} disabled={disabled}>
          {name}
        </option>
      ))}
    </select>
  )
}

type BundleProps = Common & { value: unknown; isNullable: boolean; onChoose: (id: string | null | undefined) => void }

/** One of the account's bundles. Null, where it may be: none. */
export function BundleChoice({ value, isNullable, onChoose, ...common }: BundleProps) {
  const { client } = useSession()
  const { answer } = useAsk(() => client.bundles.list({ limit: 200, sortBy: 'name', sortDescending: false }), [client])
  const choose = (text: string): void => onChoose(text === '' ? undefined : text === 'none' ? null : text)
  return (
    <select
      {...common}
      value={value === null ? 'none' : typeof value === 'string' ? value : ''}
      onChange={(event) => choose(event.target.value)}
    >
      <option value="">As it is</option>
      {isNullable && <option value="none">In no bundle</option>}
      {(answer?.items ?? []).map(({ id, name }) => (
        <option key={id} value={id}>
          {name}
        </option>
      ))}
    </select>
  )
}
