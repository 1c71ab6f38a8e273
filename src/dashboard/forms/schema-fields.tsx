import { words } from '../format.ts'
import { SchemaField } from './schema-field.tsx'
import { isValues, kindOf, type Schema, startValues, unwrap, type Values, variantsOf } from './schema.ts'

export type FormProps = {
  schema: Schema
  values: Values
  /** By the path of the field, what the server says is wrong with it. */
  problems: ReadonlyMap<string, string>
  path: string
  onChange: (values: Values) => void
}

/** The fields of an object, those that are needed first. */
export function SchemaFields(props: FormProps) {
  const variants = variantsOf(props.schema)
  if (variants === undefined) return <ObjectFields {...props} />
  const { values, onChange } = props
  const { by } = variants
  const chosen = String(values[by])
  const schema = variants.variants.get(chosen)
  const choose = (name: string): void => {
    const variant = variants.variants.get(name) ?? {}
    const ids = [values['targetIds'], values['fileIds']].find(Array.isArray) ?? []
    onChange({ ...startValues(variant, ids.map(String)), [by]: name })
  }
  return (
    <>
      <label className="field">
        <span>{words(by)}</span>
        <select value={chosen} onChange={(event) => choose(event.target.value)}>
          {[...variants.variants.keys()].map((name) => (
            <option key={name} value={name}>
              {words(name)}
            </option>
          ))}
        </select>
      </label>
      {schema !== undefined && <ObjectFields {...props} schema={schema} hidden={by} />}
    </>
  )
}

function ObjectFields({ schema, values, problems, path, onChange, hidden }: FormProps & { hidden?: string }) {
  const required = new Set(schema.required)
  const entries = Object.entries(schema.properties ?? {}).filter(([name]) => name !== hidden)
  const sorted = entries.sort(([one], [other]) => Number(required.has(other)) - Number(required.has(one)))
  return sorted.map(([name, given]) => {
    const field = unwrap(given)
    const fieldPath = path === '' ? name : `${path}.${name}`
    const change = (value: unknown): void => onChange({ ...values, [name]: value })
    const inside = values[name]
    if (kindOf(name, field) === 'object') {
      return (
        <fieldset key={name}>
          <legend>{words(name)}</legend>
          <SchemaFields
            schema={field.schema}
            values={isValues(inside) ? inside : {}}
            problems={problems}
            path={fieldPath}
            onChange={change}
          />
        </fieldset>
      )
    }
    return (
      <SchemaField
        key={name}
        name={name}
        field={field}
        value={inside}
        isRequired={required.has(name)}
        problem={problems.get(fieldPath)}
        onChange={change}
      />
    )
  })
}
