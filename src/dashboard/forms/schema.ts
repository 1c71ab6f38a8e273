/** As much of JSON Schema as parameters of tasks are described with. */
export type Schema = {
  type?: string
  title?: string
  description?: string
  properties?: Record<string, Schema>
  required?: string[]
  items?: Schema
  enum?: unknown[]
  const?: unknown
  default?: unknown
  format?: string
  minimum?: number
  maximum?: number
  maxLength?: number
  anyOf?: Schema[]
  oneOf?: Schema[]
}

export type Values = Record<string, unknown>

/** What a field is shown as. */
export type FieldKind =
  | 'files'
  | 'file'
  | 'pool'
  | 'bundle'
  | 'password'
  | 'moment'
  | 'choice'
  | 'number'
  | 'flag'
  | 'list'
  | 'object'
  | 'text'
  | 'json'

/** Reads a schema that came as JSON. */
export function asSchema(schema: Record<string, unknown>): Schema {
  return schema
}

/** The kinds that an object may be of, by the property that tells them apart: `operationType`. Undefined for one without kinds. */
export function variantsOf(schema: Schema): { by: string; variants: Map<string, Schema> } | undefined {
  const options = schema.oneOf ?? (schema.anyOf?.every(({ type }) => type === 'object') ? schema.anyOf : undefined)
  const [first] = options ?? []
  const by = Object.entries(first?.properties ?? {}).find(
    ([, { const: constant }]) => typeof constant === 'string',
  )?.[0]
  if (options === undefined || by === undefined) return undefined
  return { by, variants: new Map(options.map((option) => [String(option.properties?.[by]?.const), option])) }
}

/** A schema without the null that it may be as well. */
export function unwrap(schema: Schema): { schema: Schema; isNullable: boolean } {
  const options = schema.anyOf?.filter(({ type }) => type !== 'null')
  const [only] = options ?? []
  if (options === undefined || options.length !== 1 || only === undefined) return { schema, isNullable: false }
  return { schema: { ...only, default: schema.default }, isNullable: options.length !== schema.anyOf?.length }
}

export function kindOf(name: string, { schema }: { schema: Schema }): FieldKind {
  if (name === 'fileIds' || name === 'targetIds') return 'files'
  if (name === 'fileId') return 'file'
  if (schema.enum !== undefined) return 'choice'
  if (schema.type === 'boolean') return 'flag'
  if (schema.type === 'integer' || schema.type === 'number') return 'number'
  if (schema.type === 'object' && schema.properties !== undefined) return 'object'
  if (schema.type === 'array' && schema.items?.type === 'string') return 'list'
  return schema.type === 'string' ? textKind(name, schema) : 'json'
}

function textKind(name: string, schema: Schema): FieldKind {
  if (/poolId$/i.test(name)) return 'pool'
  if (/bundleId$/i.test(name)) return 'bundle'
  if (/password|secret/i.test(name)) return 'password'
  return schema.format === 'date-time' ? 'moment' : 'text'
}

/** What a form begins with: the files that were selected. */
export function startValues(schema: Schema, fileIds: readonly string[]): Values {
  const variants = variantsOf(schema)
  if (variants !== undefined) {
    const [[name, variant] = ['', {}]] = variants.variants
    return { ...startValues(variant, fileIds), [variants.by]: name }
  }
  const values: Values = {}
  for (const name of Object.keys(schema.properties ?? {})) {
    if (name === 'fileIds' || name === 'targetIds') values[name] = [...fileIds]
    if (name === 'fileId') values[name] = fileIds[0]
  }
  return values
}

/** What is left of values once those are gone that nobody filled in. */
export function filledIn(values: Values): Values {
  const entries = Object.entries(values).flatMap(([name, value]): [string, unknown][] => {
    if (value === undefined || value === '') return []
    if (!isValues(value)) return [[name, value]]
    const inside = filledIn(value)
    return Object.keys(inside).length === 0 ? [] : [[name, inside]]
  })
  return Object.fromEntries(entries)
}

export function isValues(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
