import { asSchema, type JsonSchema } from '../json-schema.ts'
import { referenceOf, requiredIn, within } from './example.ts'
import { html, type Html, inline } from './html.ts'

type Field = { name: string; schema: JsonSchema; isRequired: boolean }

/** The fields of a schema as a table; of one without fields what it is. */
export function fieldsTable(caption: string, schema: JsonSchema): Html {
  const name = referenceOf(schema)
  const fields = fieldsOf(schema, '')
  if (name !== undefined || fields.length === 0) return html`<p>${typeOf(schema)}</p>`
  const rows = fields.map(({ name: path, schema: field, isRequired }) => {
    const description = typeof field['description'] === 'string' ? inline(field['description']) : []
    return html`<tr><th scope="row"><code>${path}</code></th><td>${typeOf(field)}</td><td>${isRequired ? 'yes' : 'no'}</td><td>${description} ${limitsOf(field)}</td></tr>`
  })
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${caption}"><table><caption>${caption}</caption>
    <thead><tr><th scope="col">Field</th><th scope="col">Type</th><th scope="col">Required</th><th scope="col">What it says</th></tr></thead>
    <tbody>${rows}</tbody></table></div>`
}

/** Fields with those within them, by their paths: `minutes[].started`. */
function fieldsOf(schema: JsonSchema, prefix: string): Field[] {
  const required = requiredIn(schema)
  const own = within(schema, 'properties').flatMap(([name, field]): Field[] => [
    { name: prefix + name, schema: field, isRequired: required.has(name) },
    ...fieldsOf(innerOf(field), `${prefix}${name}${isList(field) ? '[]' : ''}.`),
  ])
  const choices = [...within(schema, 'anyOf'), ...within(schema, 'oneOf'), ...within(schema, 'allOf')]
  return [...own, ...choices.flatMap(([, one]) => fieldsOf(one, prefix))]
}

function innerOf(schema: JsonSchema): JsonSchema {
  const whole = notNull(schema)
  return isList(whole) ? asSchema(whole['items']) : whole
}

function isList(schema: JsonSchema): boolean {
  return notNull(schema)['type'] === 'array'
}

function notNull(schema: JsonSchema): JsonSchema {
  const others = within(schema, 'anyOf').filter(([, one]) => one['type'] !== 'null')
  const [only] = others
  return only && others.length === 1 ? only[1] : schema
}

/** A schema's type in words, with a link to a named one. */
export function typeOf(schema: JsonSchema): Html {
  const name = referenceOf(schema)
  if (name !== undefined) return html`<a href="#schema-${name}">${name}</a>`
  const choices = [...within(schema, 'anyOf'), ...within(schema, 'oneOf'), ...within(schema, 'allOf')]
  if (choices.length > 0) return joined(choices.map(([, one]) => typeOf(one)))
  const { type, format, const: fixed, enum: words, items } = schema
  if (fixed !== undefined) return html`<code>${JSON.stringify(fixed)}</code>`
  if (Array.isArray(words)) return joined(words.map((word) => html`<code>${String(word)}</code>`))
  if (type === 'array') return html`list of ${typeOf(asSchema(items))}`
  const names = within(schema, 'properties').map(([field]) => html`<code>${field}</code>`)
  if (names.length > 0) return html`object of ${joined(names, ', ')}`
  return html`${typeof type === 'string' ? type : 'anything'}${typeof format === 'string' ? ` (${format})` : ''}`
}

function joined(parts: readonly Html[], between = ' or '): Html {
  return html`${parts.map((part, index) => html`${index === 0 ? '' : between}${part}`)}`
}

const limitWords: [keyword: string, words: string][] = [
  ['minimum', 'at least'],
  ['maximum', 'at most'],
  ['minLength', 'characters at least'],
  ['maxLength', 'characters at most'],
  ['minItems', 'items at least'],
  ['maxItems', 'items at most'],
  ['default', 'unless said otherwise'],
]

/** What bounds a value, and what it is when it is left out. */
export function limitsOf(schema: JsonSchema): Html {
  const whole: JsonSchema = { ...notNull(schema), ...schema }
  const told = limitWords.flatMap(([keyword, words]) => {
    const value = whole[keyword]
    return value === undefined ? [] : [`${words} ${JSON.stringify(value)}`]
  })
  return html`<span class="quiet">${told.join('; ')}</span>`
}
