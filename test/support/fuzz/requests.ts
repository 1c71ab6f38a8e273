import { gzipSync } from 'node:zlib'
import { asSchema, type JsonSchema } from '../../../src/http/json-schema.ts'
import type { Parameter } from '../../../src/http/openapi.ts'
import { leastOf, requiredIn, resolve, type Schemas, within } from '../../../src/http/reference/example.ts'
import type { Walked } from '../operations.ts'
import { openApi } from '../routes.ts'
import { chance, pick } from './choose.ts'
import { hostileBodies, hostileNumbers, hostileSegments, hostileTexts, hostileValues, pollution } from './hostile.ts'
import type { Random } from '../../../scripts/chaos/random.ts'

/** `valid`: as the document wants it. `nearly`: with one thing wrong. `hostile`: with whatever breaks programs. */
export type Kind = 'valid' | 'nearly' | 'hostile'
export type FuzzRequest = {
  kind: Kind
  name: string
  method: string
  path: string
  headers: Record<string, string>
  body: string | Buffer | FormData | undefined
  isCompressed: boolean
}

/** Makes a request for an operation. `ids` are values of path variables that name something, of this account or another. */
export function makeRequest(
  random: Random,
  { name, method, path, operation }: Walked,
  ids: readonly Record<string, string>[],
): FuzzRequest {
  const kind = pick<Kind>(random, ['valid', 'nearly', 'nearly', 'hostile'])
  const { body, headers, isCompressed } = bodyFor(random, kind, operation)
  const others = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']
  const asked = kind === 'hostile' && chance(random, 0.05) ? pick(random, others) : method
  return {
    kind,
    name,
    method: asked,
    path: pathFor(random, kind, path, ids) + queryFor(random, kind, operation.parameters),
    headers: { accept: 'application/json', ...headersFor(random, kind, operation.parameters), ...headers },
    // What sends them does not send a GET with a body.
    body: asked === 'GET' ? undefined : body,
    isCompressed: isCompressed && asked === method,
  }
}

function pathFor(random: Random, kind: Kind, path: string, ids: readonly Record<string, string>[]): string {
  const prefix = chance(random, 0.1) ? path.replace(/^\/api/, '/drive') : path
  return prefix.replace(/\{(\w+)\}/g, (_, variable: string) => {
    if (kind !== 'valid' && chance(random, 0.3)) return pick(random, hostileSegments)
    return pick(random, ids)[variable] ?? 'x'
  })
}

function queryFor(random: Random, kind: Kind, parameters: readonly Parameter[]): string {
  const asked = parameters.filter((one) => one.in === 'query' && (one.required || chance(random, 0.4)))
  const pairs = asked.map(({ name, schema }) => {
    const isWrong = kind !== 'valid' && chance(random, 0.4)
    const isNumber = schema['type'] === 'integer'
    const wrong = isNumber ? pick(random, hostileNumbers) : pick(random, hostileTexts).toWellFormed()
    const value = isWrong ? wrong : String(validOf(random, schema))
    return `${name}${isWrong && chance(random, 0.1) ? '[x]' : ''}=${encodeURIComponent(value.slice(0, 3000))}`
  })
  if (kind === 'hostile' && chance(random, 0.3)) {
    pairs.push(pick(random, ['__proto__[x]=1', 'a[b][c]=1', '%', '&&&', 'limit=1&limit=2', 'x=%00', 'offset=1000000']))
  }
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`
}

function headersFor(random: Random, kind: Kind, parameters: readonly Parameter[]): Record<string, string> {
  const odd = [
    '',
    ',',
    '"',
    'W/',
    '=',
    'x'.repeat(3000),
    'bytes=9-1',
    'bytes=-',
    'sha-256=:AA==:',
    'wait=-1',
    '1e9',
    '*',
    ';;',
  ]
  const given = parameters
    .filter((one) => one.in === 'header' && one.name !== 'Prefer' && kind !== 'valid' && chance(random, 0.4))
    .map(({ name }) => [name, pick(random, odd)] as const)
  const strange =
    kind === 'hostile' && chance(random, 0.2) ? { 'x-request-id': pick(random, odd), cookie: 'longshore_share=%' } : {}
  return { prefer: 'wait=0', ...Object.fromEntries(given), ...strange }
}

type Body = Pick<FuzzRequest, 'body' | 'headers' | 'isCompressed'>

function bodyFor(random: Random, kind: Kind, { requestBody }: Walked['operation']): Body {
  const json = { 'content-type': 'application/json' }
  const { content = {} } = requestBody ?? {}
  if ('multipart/form-data' in content) return chunkForm(random, kind)
  if ('application/octet-stream' in content) {
    const bytes = Buffer.from(pick(random, hostileTexts).slice(0, pick(random, [0, 1, 2, 9])))
    return { body: bytes, headers: { 'content-type': 'application/octet-stream' }, isCompressed: false }
  }
  const schema = content['application/json']?.schema
  if (!schema) return { body: undefined, headers: {}, isCompressed: false }
  if (kind === 'hostile' && chance(random, 0.4)) {
    return { body: pick(random, hostileBodies), headers: json, isCompressed: false }
  }
  const value = validOf(random, schema)
  const text = JSON.stringify(kind === 'valid' ? value : spoilt(random, value, kind === 'nearly' ? 1 : 3))
  if (kind === 'hostile' && chance(random, 0.1)) {
    return { body: gzipSync(text), headers: { ...json, 'content-encoding': 'gzip' }, isCompressed: true }
  }
  const type =
    kind !== 'valid' && chance(random, 0.05)
      ? pick(random, ['text/plain', 'multipart/form-data', ''])
      : json['content-type']
  return { body: text, headers: { 'content-type': type }, isCompressed: false }
}

function chunkForm(random: Random, kind: Kind): Body {
  const name = kind === 'valid' ? 'chunk' : pick(random, ['chunk', 'x', '__proto__', 'chunk[a]', ''])
  const end = kind === 'hostile' ? pick(random, ['--x--', '--x', '', '--y--']) : '--x--'
  const head = `--x\r\nContent-Disposition: form-data; name="${name}"; filename="../f"\r\n\r\n`
  const body = Buffer.from(`${head}ab\r\n${end}\r\n`)
  return { body, headers: { 'content-type': 'multipart/form-data; boundary=x' }, isCompressed: false }
}

/** A value that a schema of the document takes. */
function validOf(random: Random, given: JsonSchema): unknown {
  const schemas: Schemas = openApi().components.schemas
  const schema = resolve(schemas, given)
  const choices = [...within(schema, 'anyOf'), ...within(schema, 'oneOf')]
  if (choices.length > 0) return validOf(random, pick(random, choices)[1])
  const { type, enum: words, examples } = schema
  if (Array.isArray(examples)) return pick(random, examples)
  if (Array.isArray(words)) return pick(random, words)
  if (type === 'object') {
    const required = requiredIn(schema)
    const fields = within(schema, 'properties').filter(([name]) => required.has(name) || chance(random, 0.4))
    return Object.fromEntries(fields.map(([name, one]) => [name, validOf(random, one)]))
  }
  if (type === 'array') {
    const items: JsonSchema = asSchema(schema['items'])
    return Array.from({ length: random.whole(Number(schema['minItems'] ?? 0), 3) }, () => validOf(random, items))
  }
  if (type === 'integer' || type === 'number') return numberOf(random, schema)
  if (type === 'string' && schema['format'] === undefined && schema['pattern'] === undefined)
    return textOf(random, schema)
  return leastOf(schemas, schema)
}

function numberOf(random: Random, schema: JsonSchema): number {
  const least = Number(schema['minimum'] ?? 0)
  const most = Number(schema['maximum'] ?? least + 1000)
  return pick(random, [least, most, random.whole(least, Math.min(most, least + 1000))])
}

function textOf(random: Random, { minLength = 0, maxLength = 40 }: JsonSchema): string {
  const text = pick(random, ['name', 'Ein Name', '名前', 'FileMove', "O'Brien", 'a.b', 'https://example.com/x'])
  return text.padEnd(Number(minLength), 'x').slice(0, Number(maxLength))
}

/** A value with this many things in it that are wrong. */
function spoilt(random: Random, value: unknown, faults: number): unknown {
  let result = value
  for (let nth = 0; nth < faults; nth++) result = spoiltOnce(random, result, 0)
  return result
}

function spoiltOnce(random: Random, value: unknown, depth: number): unknown {
  if (Array.isArray(value)) {
    if (value.length > 0 && chance(random, 0.6)) {
      const at = random.whole(0, value.length - 1)
      return value.map((item: unknown, index) => (index === at ? spoiltOnce(random, item, depth + 1) : item))
    }
    return pick(random, [[...value, pick(random, hostileValues)], Array.from({ length: 1500 }, () => value[0] ?? 1)])
  }
  if (typeof value !== 'object' || value === null || (depth > 0 && chance(random, 0.3)))
    return pick(random, hostileValues)
  const fields = Object.entries(value)
  const unknown = pick(random, ['unknown', '__proto__', 'constructor', 'prototype', 'toString', ''])
  if (fields.length === 0 || chance(random, 0.2)) {
    return Object.fromEntries([...fields, [unknown, pick<unknown>(random, [1, { [pollution]: true }, nested(200)])]])
  }
  const [chosen] = pick(random, fields)
  if (chance(random, 0.2)) return Object.fromEntries(fields.filter(([name]) => name !== chosen))
  return Object.fromEntries(
    fields.map(([name, item]) => [name, name === chosen ? spoiltOnce(random, item, depth + 1) : item]),
  )
}

function nested(depth: number): unknown {
  let value: unknown = 1
  for (let nth = 0; nth < depth; nth++) value = nth % 2 === 0 ? [value] : { a: value }
  return value
}
