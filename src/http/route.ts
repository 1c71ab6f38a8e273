import type { Request, Response } from 'express'
import type { z } from 'zod'
import type { Resource } from '../auth/scope.ts'
import type { Identity } from '../auth/verify.ts'
import { AppError, type ErrorCode } from '../errors.ts'
import type { AnswerHeader, RequestHeader } from './headers.ts'
import { keyedRequest } from './idempotency-key.ts'
import {
  type BodySize,
  type Incoming,
  parseParams,
  parseQuery,
  readBody,
  type ReadJson,
  readOptionalBody,
} from './validate.ts'
import type { KeyedRequest } from '../tasks/idempotency.ts'

/** One way in which a route answers. With neither `body` nor `types` the answer has no content. */
export type Outcome = {
  /** What it means, in a sentence. */
  is: string
  /** The JSON that it carries. */
  body?: z.ZodType
  /** Media types of what is not JSON. */
  types?: readonly string[]
  headers?: readonly AnswerHeader[]
}

/**
 * What there is to say of a route: it is served, checked and documented by this alone. What the route can refuse with goes
 * without saying where every route of its kind does (see `codesOf`).
 */
export type Declaration<
  Query extends z.ZodType = z.ZodType,
  Body extends z.ZodType = z.ZodType,
  Params extends z.ZodObject = z.ZodObject,
> = {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Below its group's, as Express writes it. */
  path: string
  /** Its name for programs: `createBundle`. */
  id: string
  summary: string
  description?: string
  /** Variables of the path that are refused when they are wrong. All others are UUIDs, and a wrong one names nothing. */
  params?: Params
  query?: Query
  /** The JSON that the body has to be. */
  body?: Body
  bodySize?: BodySize
  /** The body may be left out, and is `{}` then. */
  bodyOptional?: true
  /** The media type of a body that is not JSON. */
  bytes?: 'application/octet-stream' | 'multipart/form-data'
  headers?: readonly RequestHeader[]
  /** With `Idempotency-Key` a request can be repeated. */
  keyed?: true
  /** Upload tokens may use it, for what they are for. */
  uploadTokens?: true
  answers: Readonly<Record<number, Outcome>>
  errors?: readonly ErrorCode[]
}

export type Route<Caller = Identity> = {
  declaration: Declaration
  handle: (request: Request, response: Response, caller: Caller, readJson: ReadJson) => Promise<void>
}

type Asked<Query extends z.ZodType, Body extends z.ZodType, Params extends z.ZodObject> = {
  request: Request
  response: Response
  query: z.output<Query>
  body: z.output<Body>
  params: z.output<Params>
}

/** A route for somebody with a token; its handler is given what the declaration asks for. */
export function route<Query extends z.ZodType, Body extends z.ZodType, Params extends z.ZodObject>(
  declaration: Declaration<Query, Body, Params>,
  handler: (
    asked: Asked<Query, Body, Params> & { caller: Identity; keyed: KeyedRequest | undefined },
  ) => Promise<void> | void,
): Route {
  return {
    declaration,
    handle: async (request, response, caller, readJson) => {
      if (caller.upload && !declaration.uploadTokens)
        throw new AppError('FORBIDDEN', 'The token is for uploading alone.')
      const asked = await ask(declaration, { request, response, readJson })
      const keyed = declaration.keyed ? keyedRequest(request, caller) : undefined
      await handler({ ...asked, caller, keyed })
    },
  }
}

/** A route for everybody. */
export function openRoute<Query extends z.ZodType, Body extends z.ZodType, Params extends z.ZodObject>(
  declaration: Declaration<Query, Body, Params>,
  handler: (asked: Asked<Query, Body, Params>) => Promise<void> | void,
): Route<undefined> {
  return {
    declaration,
    handle: async (request, response, _caller, readJson) =>
      handler(await ask(declaration, { request, response, readJson })),
  }
}

/** What a route without a schema gets of a query or a body is of type unknown, so that nobody uses what nobody checked. */
function ask<Query extends z.ZodType, Body extends z.ZodType, Params extends z.ZodObject>(
  declaration: Declaration<Query, Body, Params>,
  incoming: Incoming,
): Promise<Asked<Query, Body, Params>>
async function ask(declaration: Declaration, incoming: Incoming) {
  const { request, response } = incoming
  const params = declaration.params && parseParams(declaration.params, request)
  const query = declaration.query && parseQuery(declaration.query, request)
  const body = await bodyOf(declaration, incoming)
  return { request, response, query, body, params }
}

async function bodyOf({ body, bodyOptional, bodySize }: Declaration, incoming: Incoming): Promise<unknown> {
  if (body === undefined) return undefined
  return bodyOptional ? readOptionalBody(body, incoming) : readBody(body, incoming, bodySize)
}

/** Routes below one path, for the same callers. */
export type RouteGroup = {
  path: string
  /** Under which heading the document has them. */
  tag: string
} & (
  | {
      /** Who brings a token may use them, if it is not narrowed to other things; those of `admin` are for admins. */
      resource: Resource
      /** There are too many to keep on record who did each. */
      unrecorded?: true
      routes: Route[]
    }
  | {
      /** Everybody, or everybody who has what a share asks for. */
      openTo: 'everybody' | 'guests'
      /** What is done by a share link: limited by itself, and on record, reading too. */
      isShare?: true
      routes: Route<undefined>[]
    }
)
