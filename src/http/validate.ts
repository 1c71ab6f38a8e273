import { json, type Request, type Response } from 'express'
import { z } from 'zod'
import { AppError } from '../errors.ts'

/** How large a JSON body may be: `usual` unless its route says otherwise. */
export type BodySize = 'usual' | 'large' | 'tasks'

export type BodyBounds = { withinMs: number; maxBytes: Readonly<Record<BodySize, number>> }

/** Reads a request's JSON into its `body`. Fails with MALFORMED_JSON, BODY_TOO_LARGE or REQUEST_TIMEOUT. */
export type ReadJson = (request: Request, response: Response, size: BodySize) => Promise<void>

export function createJsonReader({ withinMs, maxBytes }: BodyBounds): ReadJson {
  const readers = {
    usual: json({ limit: maxBytes.usual, inflate: false }),
    large: json({ limit: maxBytes.large, inflate: false }),
    tasks: json({ limit: maxBytes.tasks, inflate: false }),
  }
  return (request, response, size) =>
    new Promise<void>((resolve, reject) => {
      // So small a body that takes so long is sent to hold the connection.
      const timer = setTimeout(() => {
        response.set('Connection', 'close')
        reject(new AppError('REQUEST_TIMEOUT', 'The body took too long to arrive.'))
      }, withinMs)
      readers[size](request, response, (error?: unknown) => {
        clearTimeout(timer)
        return error instanceof Error ? reject(withoutBody(error)) : resolve()
      })
    })
}

/** The parser's error holds all of the body, and its message quotes it; there may be a password in it, so nobody is to log either. */
function withoutBody(error: Error): Error {
  const isTorn = 'type' in error && error.type === 'entity.parse.failed'
  return isTorn ? new AppError('MALFORMED_JSON', 'The body is not valid JSON.') : error
}

/** A request, and how its body is read. */
export type Incoming = { request: Request; response: Response; readJson: ReadJson }

/**
 * Reads the JSON body of a request as the schema wants it. Fails with UNSUPPORTED_MEDIA_TYPE, MALFORMED_JSON,
 * BODY_TOO_LARGE or REQUEST_TIMEOUT, or VALIDATION_FAILED with every bad field.
 */
export async function readBody<Schema extends z.ZodType>(
  schema: Schema,
  { request, response, readJson }: Incoming,
  size: BodySize = 'usual',
): Promise<z.output<Schema>> {
  await readJson(request, response, size)
  if (!request.is('application/json')) {
    throw new AppError('UNSUPPORTED_MEDIA_TYPE', 'The body must be JSON, sent as Content-Type: application/json.')
  }
  return validate(schema, request.body)
}

/** The same for a body that may be left out. */
export async function readOptionalBody<Schema extends z.ZodType>(
  schema: Schema,
  incoming: Incoming,
): Promise<z.output<Schema>> {
  const { request } = incoming
  const isEmpty = request.get('Transfer-Encoding') === undefined && Number(request.get('Content-Length') ?? 0) === 0
  return isEmpty ? validate(schema, {}) : readBody(schema, incoming)
}

/** The query of a request as the schema wants it. Throws VALIDATION_FAILED with every bad parameter. */
export function parseQuery<Schema extends z.ZodType>(schema: Schema, request: Request): z.output<Schema> {
  return validate(schema, request.query)
}

/** The variables of a path as the schema wants them. Throws VALIDATION_FAILED with every bad one. */
export function parseParams<Schema extends z.ZodType>(schema: Schema, request: Request): z.output<Schema> {
  return validate(schema, request.params)
}

function validate<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  throw new AppError('VALIDATION_FAILED', 'The request is not valid.', {
    details: { errors: parsed.error.issues.flatMap(describe) },
  })
}

function describe(issue: z.core.$ZodIssue): { field: string; message: string }[] {
  const path = issue.path.map(String)
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ field: [...path, key].join('.'), message: 'is not a known field' }))
  }
  return [{ field: path.join('.'), message: issue.message }]
}

const uuid = z.uuid()

/** A UUID of the path in lower case, or undefined when it is none: then nothing goes by that name. */
export function pathUuid(request: Request, name: string): string | undefined {
  return uuid.safeParse(request.params[name]).data?.toLowerCase()
}
