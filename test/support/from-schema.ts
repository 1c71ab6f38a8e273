import type { JsonSchema } from '../../src/http/json-schema.ts'
import { openApi } from './routes.ts'

/** A schema with what it refers to in the document's place. */
function resolved(schema: JsonSchema): JsonSchema {
  const name = typeof schema['$ref'] === 'string' ? schema['$ref'].split('/').at(-1) : undefined
  return name === undefined ? schema : (openApi().components.schemas[name] ?? schema)
}

/** The subschemas of a keyword that holds a list or an object of them, by name or number. */
function subschemas(schema: JsonSchema, keyword: string): [string, JsonSchema][] {
  return Object.entries(Object(schema[keyword])).map(([name, one]) => [name, resolved(Object(one))])
}

/** The least value that a schema of the document takes: nothing that may be left out, the shortest text, the lowest number. */
export function leastOf(given: JsonSchema): unknown {
  const schema = resolved(given)
  const { examples, const: fixed, enum: choices, type } = schema
  if (Array.isArray(examples)) return examples[0]
  if (fixed !== undefined) return fixed
  if (Array.isArray(choices)) return choices[0]
  const [first] = [...subschemas(schema, 'anyOf'), ...subschemas(schema, 'oneOf'), ...subschemas(schema, 'allOf')]
  if (first) return leastOf(first[1])
  switch (type) {
    case 'object': {
      const required = new Set(Array.isArray(schema['required']) ? schema['required'] : [])
      const properties = subschemas(schema, 'properties').filter(([name]) => required.has(name))
      return Object.fromEntries(properties.map(([name, one]) => [name, leastOf(one)]))
    }
    case 'array':
      return Array.from({ length: Number(schema['minItems'] ?? 0) }, () => leastOf(Object(schema['items'])))
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
  if (format === 'uuid') return '00000000-0000-4000-8000-000000000000'
  if (format === 'date-time') return '2099-01-01T00:00:00Z'
  return 'x'.repeat(Number(minLength ?? 0))
}
