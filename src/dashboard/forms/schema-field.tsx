import { useId } from 'react'
import { plural, words } from '../format.ts'
import { BundleChoice, PoolChoice } from './choices.tsx'
import { kindOf, type Schema } from './schema.ts'

type Props = {
  name: string
  field: { schema: Schema; isNullable: boolean }
  value: unknown
  isRequired: boolean
  problem: string | undefined
  onChange: (value: unknown) => void
}

/** One parameter, as what it is. */
export function SchemaField(props: Props) {
  const { name, field, value, isRequired, problem, onChange } = props
  const id = useId()
  const kind = kindOf(name, field)
  if (kind === 'files')
    return <p className="hint">For {plural(Array.isArray(value) ? value.length : 0, 'selected file')}.</p>
  if (kind === 'file') return <p className="hint">For the first selected file.</p>
  if (kind === 'flag') {
    const isOn = typeof value === 'boolean' ? value : field.schema.default === true
    return (
      <label className="check">
        <input type="checkbox" checked={isOn} onChange={(event) => onChange(event.target.checked)} /> {words(name)}
      </label>
    )
  }
  return (
    <label className="field">
      <span>
        {words(name)}
        {!isRequired && <em> optional</em>}
      </span>
      <Input {...props} describedBy={problem === undefined ? undefined : id} />
      {problem !== undefined && (
        <span className="problem" id={id}>
          {problem}
        </span>
      )}
    </label>
  )
}

function Input(props: Props & { describedBy: string | undefined }) {
  const { name, field, value, isRequired, problem, describedBy, onChange } = props
  const { schema } = field
  const kind = kindOf(name, field)
  const common = {
    required: isRequired,
    'aria-invalid': problem === undefined ? undefined : (true as const),
    'aria-describedby': describedBy,
  }
  const text = typeof value === 'string' || typeof value === 'number' ? String(value) : ''
  const write = (given: string): void => onChange(given === '' ? undefined : given)
  if (kind === 'pool') return <PoolChoice {...common} value={text} onChoose={write} />
  if (kind === 'bundle')
    return <BundleChoice {...common} value={value} isNullable={field.isNullable} onChoose={onChange} />
  if (kind === 'choice') return <Choice schema={schema} common={common} value={text} onChoose={write} />
  if (kind === 'list' || kind === 'json') return <Lines {...props} common={common} isJson={kind === 'json'} />
  if (kind === 'number') {
    const { minimum, maximum } = schema
    return (
      <input
        {...common}
        type="number"
        step={schema.type === 'integer' ? 1 : 'any'}
        min={minimum}
        max={maximum}
        placeholder={standardOf(schema)}
        value={text}
        onChange={(event) => onChange(event.target.value === '' ? undefined : event.target.valueAsNumber)}
      />
    )
  }
  if (kind === 'moment') {
    return <input {...common} type="datetime-local" onChange={(event) => write(momentOf(event.target.value))} />
  }
  return (
    <input
      {...common}
      type={kind === 'password' ? 'password' : 'text'}
      autoComplete={kind === 'password' ? 'new-password' : 'off'}
      maxLength={schema.maxLength}
      value={text}
      onChange={(event) => write(event.target.value)}
    />
  )
}

type Common = { required: boolean; 'aria-invalid': true | undefined; 'aria-describedby': string | undefined }
type ChoiceProps = { schema: Schema; common: Common; value: string; onChoose: (value: string) => void }

function Choice({ schema, common, value, onChoose }: ChoiceProps) {
  const standard = standardOf(schema) ?? ''
  return (
    <select {...common} value={value === '' ? standard : value} onChange={(event) => onChoose(event.target.value)}>
      {standard === '' && <option value="">Choose …</option>}
      {(schema.enum ?? []).map((option) => (
        <option key={String(option)} value={String(option)}>
          {String(option)}
        </option>
      ))}
    </select>
  )
}

/** A line for each item, or JSON where nothing simpler would do. */
function Lines({ value, onChange, isJson, common }: Props & { isJson: boolean; common: Common }) {
  const shown = Array.isArray(value) ? value.join('\n') : typeof value === 'string' ? value : ''
  const read = (text: string): unknown => {
    if (text === '') return undefined
    return isJson ? jsonOr(text) : text.split('\n')
  }
  return (
    <textarea
      {...common}
      rows={3}
      placeholder={isJson ? 'JSON' : 'One on each line'}
      defaultValue={shown}
      onChange={(event) => onChange(read(event.target.value))}
    />
  )
}

/** What a parameter is when it is left out. */
function standardOf({ default: standard }: Schema): string | undefined {
  return typeof standard === 'string' || typeof standard === 'number' ? String(standard) : undefined
}

function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

function momentOf(local: string): string {
  const date = new Date(local)
  return Number.isNaN(date.getTime()) ? '' : date.toISOString()
}
