import { z } from 'zod'

/** A schema of JSON Schema 2020-12, or a reference to one. */
export type JsonSchema = { [keyword: string]: unknown }

/** What lies under a keyword, as a schema; an empty one, which takes anything, when nothing does. */
export function asSchema(value: unknown): JsonSchema {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}

export type SchemaBook = {
  /** The JSON Schema of what requests bring, or of what answers carry. Named schemas are references. */
  of: (schema: z.ZodType, io: 'input' | 'output') => JsonSchema
  /** The named ones, as `components.schemas` has them. */
  named: Record<string, JsonSchema>
}

const anySchema = z.record(z.string(), z.unknown())
const wrapped = z.object({
  properties: z.object({ wanted: anySchema }),
  $defs: z.record(z.string(), anySchema).optional(),
})
const place = '#/components/schemas/'

/** Makes JSON Schemas of the schemas that validate; those with an `id` in their metadata become named ones. */
export function createSchemaBook(): SchemaBook {
  const named: Record<string, JsonSchema> = {}
  return {
    named,
    of: (schema, io) => {
      // Within another schema even the outermost one becomes a reference, if it has a name.
      const whole = z.toJSONSchema(z.object({ wanted: schema }), {
        io,
        unrepresentable: 'any',
        override: ({ jsonSchema }) => plain(jsonSchema, io),
      })
      const moved: unknown = JSON.parse(JSON.stringify(whole).replaceAll('"#/$defs/', `"${place}`))
      const { properties, $defs } = wrapped.parse(moved)
      Object.assign(named, $defs)
      return properties.wanted
    },
  }
}

/** Takes out of a schema what says nothing more to a reader, or too much to a client. */
function plain(schema: JsonSchema, io: 'input' | 'output'): void {
  if (schema['format'] === 'date-time' || schema['format'] === 'uuid') delete schema['pattern']
  if (schema['maximum'] === Number.MAX_SAFE_INTEGER) delete schema['maximum']
  delete schema['propertyNames']
  // A later version may tell more, and nobody is to break on that.
  if (io === 'output' && schema['additionalProperties'] === false) delete schema['additionalProperties']
}
