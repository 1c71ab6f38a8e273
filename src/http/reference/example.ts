import { asSchema, type JsonSchema } from '../json-schema.ts'

export type Schemas = Readonly<Record<string, JsonSchema>>

/** A schema, or the named one that it refers to. */
export function resolve(schemas: Schemas, schema: JsonSchema): JsonSchema {
  const name = referenceOf(schema)
  return name === undefined ? schema : (schemas[name] ?? schema)
}

/** The name of the schema that this one refers to. */
export function referenceOf({ $ref }: JsonSchema): string | undefined {
  return typeof $ref === 'string' ? $ref.split('/').at(-1) : undefined
}

/** The schemas within a keyword that holds a list or an object of them, by number or name. */
export function within(schema: JsonSchema, keyword: string): [name: string, schema: JsonSchema][] {
  return Object.entries(asSchema(schema[keyword])).map(([name, one]) => [name, asSchema(one)])
}

/** The fields that must be there. */
export function requiredIn({ required }: JsonSchema): ReadonlySet<unknown> {
  return new Set(Array.isArray(required) ? required : [])
}

/** The least value that a schema takes: nothing that may be left out, the shortest text, the lowest number. */
export function leastOf(schemas: Schemas, given: JsonSchema): unknown {
  const schema = resolve(schemas, given)
  const { examples, const: fixed, enum: choices, type } = schema
  if (Array.isArray(examples)) return examples[0]
  if (fixed !== undefined) return fixed
  if (Array.isArray(choices)) return choices[0]
  const [first] = [...within(schema, 'anyOf'), ...within(schema, 'oneOf'), ...within(schema, 'allOf')]
  if (first) return leastOf(schemas, first[1])
  switch (type) {
    case 'object': {
      const required = requiredIn(schema)
      const properties = within(schema, 'properties').filter(([name]) => required.has(name))
      return Object.fromEntries(properties.map(([name, one]) => [name, leastOf(schemas, one)]))
    }
    case 'array':
      return Array.from({ length: Number(schema['minItems'] ?? 0) }, () => leastOf(schemas, asSchema(schema['items'])))
    case 'string':
      return leastText(schema)
    case 'integer':
    case 'number':
      return Number(schema['minimum'] ?? 0)
    case 'boolean':
      return false
    default:
      return null
  }
}

function leastText({ format, minLength }: JsonSchema): string {
  if (format === 'uuid') return '550e8400-e29b-41d4-a716-446655440000'
  if (format === 'date-time') return '2099-01-01T00:00:00Z'
  return '…'.repeat(Number(minLength ?? 0))
}
