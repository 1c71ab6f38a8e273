import { z } from 'zod'
import { scopeOf } from '../auth/scope.ts'
import { errorView } from '../contract/error.ts'
import { errorStatus } from '../errors.ts'
import { codesOf, commonCodes } from './error-codes.ts'
import { type AnswerHeader, answerHeaders, requestHeaders } from './headers.ts'
import { createSchemaBook, type JsonSchema, type SchemaBook } from './json-schema.ts'
import { about, securitySchemes } from './openapi-about.ts'
import { describeWebhooks } from './openapi-webhooks.ts'
import type { Declaration, Outcome, RouteGroup } from './route.ts'

export type Parameter = {
  name: string
  in: 'path' | 'query' | 'header'
  description?: string
  required?: boolean
  schema: JsonSchema
}
type Content = Record<string, { schema?: JsonSchema }>
export type Response = { description: string; headers?: Record<string, { $ref: string }>; content?: Content }
export type Operation = {
  operationId: string
  summary: string
  description?: string
  tags: string[]
  security: Record<string, string[]>[]
  parameters: Parameter[]
  requestBody?: { required: boolean; content: Content }
  responses: Record<string, Response | { $ref: string }>
}
export type Method = 'get' | 'post' | 'put' | 'patch' | 'delete'
type PathItem = { servers?: { url: string; description?: string }[] } & { [Key in Method]?: Operation }

/** An OpenAPI 3.1 document, as far as ours goes. */
export type OpenApi = typeof about & {
  paths: Record<string, PathItem>
  webhooks: ReturnType<typeof describeWebhooks>
  components: Record<string, Record<string, unknown>> & { schemas: Record<string, JsonSchema> }
}

/** Describes every route by what it declares, and what webhooks are told by the schemas of the events. */
export function describeApi({ api, root }: { api: readonly RouteGroup[]; root: readonly RouteGroup[] }): OpenApi {
  const book = createSchemaBook()
  const paths: OpenApi['paths'] = {}
  const add = (group: RouteGroup, item: PathItem): void => {
    for (const { declaration } of group.routes) {
      const place = pathOf(group, declaration)
      paths[place] ??= { ...item }
      paths[place][methodOf(declaration)] = describeRoute(book, group, declaration)
    }
  }
  for (const group of inReadingOrder(api)) add(group, {})
  for (const group of root) add(group, { servers: [{ url: '/' }] })
  const refusal = {
    description: 'What any request may be refused with.',
    headers: headerRefs(['X-Request-Id', 'Retry-After']),
    content: refusalContent(book, commonCodes),
  }
  return {
    ...about,
    paths,
    webhooks: describeWebhooks(book),
    components: {
      schemas: book.named,
      responses: { Refusal: refusal },
      headers: Object.fromEntries(
        Object.entries(answerHeaders).map(([name, description]) => [name, { description, schema: { type: 'string' } }]),
      ),
      securitySchemes,
    },
  }
}

/** Under each heading the shortest paths first: what is asked first is not what is read first. */
function inReadingOrder(groups: readonly RouteGroup[]): RouteGroup[] {
  const tags = [...new Set(groups.map(({ tag }) => tag))]
  const placeOf = ({ tag, path }: RouteGroup): number => tags.indexOf(tag) * 1000 + path.length
  return [...groups].sort((one, other) => placeOf(one) - placeOf(other))
}

/** A route's path as OpenAPI writes it. */
export function pathOf(group: Pick<RouteGroup, 'path'>, { path }: Pick<Declaration, 'path'>): string {
  const parts = [group.path, path].map((part) => (part === '/' ? '' : part))
  return parts.join('').replace(/:(\w+)/g, '{$1}')
}

const methods = { GET: 'get', POST: 'post', PUT: 'put', PATCH: 'patch', DELETE: 'delete' } as const

function methodOf({ method }: Declaration): Method {
  return methods[method]
}

function describeRoute(book: SchemaBook, group: RouteGroup, declaration: Declaration): Operation {
  const { id, summary, description } = declaration
  return {
    operationId: id,
    summary,
    ...(description === undefined ? {} : { description }),
    tags: [group.tag],
    security: securityOf(group, declaration),
    parameters: [
      ...pathParameters(book, group, declaration),
      ...queryParameters(book, declaration),
      ...headerParameters(declaration),
    ],
    ...describeBody(book, declaration),
    responses: describeAnswers(book, group, declaration),
  }
}

function securityOf(group: RouteGroup, { method }: Declaration): Operation['security'] {
  if ('resource' in group) return [{ token: [`longshore:${scopeOf(group.resource, method)}`] }]
  return group.openTo === 'guests' ? [{}, { shareToken: [] }, { shareCookie: [] }] : []
}

/** Variables that are no UUIDs and are not declared: what is wrong with them the handler says. */
const otherVariables: Record<string, z.ZodType> = {
  chunkIndex: z.int().min(0).describe('From 0.'),
  slug: z.string().min(1).max(64),
}

function pathParameters(book: SchemaBook, group: RouteGroup, declaration: Declaration): Parameter[] {
  const names = [...`${group.path}${declaration.path}`.matchAll(/:(\w+)/g)].map(([, name]) => name ?? '')
  const declared: Record<string, z.ZodType> = { ...otherVariables, ...declaration.params?.shape }
  return names.map((name) => {
    const schema = declared[name] ?? z.guid()
    return { name, in: 'path', required: true, schema: book.of(schema, 'input') }
  })
}

function queryParameters(book: SchemaBook, { query }: Declaration): Parameter[] {
  if (query === undefined) return []
  const { properties = {}, required = [] } = shapeOf(book.of(query, 'input'))
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: 'query',
    ...(typeof description === 'string' ? { description } : {}),
    ...(required.includes(name) ? { required: true } : {}),
    schema: inText(schema),
  }))
}

const shape = z.looseObject({
  properties: z.record(z.string(), z.record(z.string(), z.unknown())).optional(),
  required: z.array(z.string()).optional(),
})

function shapeOf(schema: JsonSchema): z.output<typeof shape> {
  return shape.parse(schema)
}

/** What a query says is text, so its default is too. */
function inText(schema: JsonSchema): JsonSchema {
  const isText = schema['type'] === 'string' && schema['default'] !== undefined
  return isText ? { ...schema, default: String(schema['default']) } : schema
}

function headerParameters({ headers = [], keyed }: Declaration): Parameter[] {
  const text: JsonSchema = { type: 'string' }
  const given = headers.map((name) => ({
    name,
    in: 'header' as const,
    description: requestHeaders[name],
    schema: text,
  }))
  if (!keyed) return given
  const description = 'A name for this request: what repeats it within 24 hours is answered alike, and made once.'
  const schema = { ...text, pattern: '^[\\x21-\\x7e]{1,255}$' }
  return [...given, { name: 'Idempotency-Key', in: 'header', description, schema }]
}

function describeBody(book: SchemaBook, { body, bodyOptional, bytes }: Declaration): Pick<Operation, 'requestBody'> {
  const of = (content: Content) => ({ requestBody: { required: bodyOptional !== true, content } })
  if (body) return of({ 'application/json': { schema: book.of(body, 'input') } })
  if (bytes === undefined) return {}
  if (bytes === 'application/octet-stream') return of({ 'application/octet-stream': {} })
  const chunk = { type: 'string', contentMediaType: 'application/octet-stream' }
  return of({ 'multipart/form-data': { schema: { type: 'object', properties: { chunk }, required: ['chunk'] } } })
}

function describeAnswers(book: SchemaBook, group: RouteGroup, declaration: Declaration): Operation['responses'] {
  const usual: AnswerHeader[] = [
    'X-Request-Id',
    ...('resource' in group ? (['RateLimit', 'RateLimit-Policy'] as const) : []),
  ]
  const good = Object.entries(declaration.answers).map(
    ([status, outcome]) => [status, describeOutcome(book, outcome, usual)] as const,
  )
  const all = [...codesOf(group, declaration)]
  const statuses = [...new Set(all.map((code) => errorStatus[code]))].sort((one, other) => one - other)
  const bad = statuses.map((status) => {
    const codes = all.filter((code) => errorStatus[code] === status)
    const headers = headerRefs(status === 423 || status === 429 ? ['Retry-After'] : [])
    return [String(status), { description: codes.join(', '), headers, content: refusalContent(book, codes) }] as const
  })
  const answers: Operation['responses'] = Object.fromEntries([...good, ...bad])
  return { ...answers, default: { $ref: '#/components/responses/Refusal' } }
}

function describeOutcome(
  book: SchemaBook,
  { is, body, types = [], headers = [] }: Outcome,
  usual: AnswerHeader[],
): Response {
  const content: Content = {
    ...(body ? { 'application/json': { schema: book.of(body, 'output') } } : {}),
    ...Object.fromEntries(types.map((type) => [type, {}])),
  }
  const hasContent = Object.keys(content).length > 0
  return { description: is, headers: headerRefs([...usual, ...headers]), ...(hasContent ? { content } : {}) }
}

function headerRefs(names: readonly AnswerHeader[]): Record<string, { $ref: string }> {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]))
}

function refusalContent(book: SchemaBook, codes: readonly string[]): Content {
  const schema = { allOf: [book.of(errorView, 'output'), { properties: { code: { enum: [...codes] } } }] }
  return { 'application/json': { schema } }
}
