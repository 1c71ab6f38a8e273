import { createHash } from 'node:crypto'
import type { Request, Response } from 'express'
import { evaluatePreconditions } from './conditional.ts'
import { json, empty } from './outcomes.ts'
import { openRoute, type Route } from './route.ts'
import { z } from 'zod'
import type { OpenApi } from './openapi.ts'

/** `/openapi.json`: what this server can do. The document is made when it is first asked for, and kept. */
export function documentRoutes(describe: () => OpenApi): Route<undefined>[] {
  const document = madeOnce(() => asPage('application/json; charset=utf-8', JSON.stringify(describe())))
  return [
    openRoute(
      {
        method: 'GET',
        path: '/openapi.json',
        id: 'getOpenApi',
        summary: 'This document',
        headers: ['If-None-Match'],
        answers: {
          200: json('The OpenAPI document.', z.looseObject({ openapi: z.string() }), 'ETag'),
          304: empty('It is what the caller has.', 'ETag'),
        },
      },
      ({ request, response }) => sendPage(request, response, document()),
    ),
  ]
}

type Page = { contentType: string; body: Buffer; etag: string }

function asPage(contentType: string, text: string): Page {
  const body = Buffer.from(text)
  return { contentType, body, etag: `"${createHash('sha256').update(body).digest('base64url')}"` }
}

function madeOnce<Made>(make: () => Made): () => Made {
  let made: Made | undefined
  return () => {
    made ??= make()
    return made
  }
}

function sendPage(request: Request, response: Response, { contentType, body, etag }: Page): void {
  const preconditions = {
    ifMatch: undefined,
    ifNoneMatch: request.get('If-None-Match'),
    ifModifiedSince: undefined,
    ifUnmodifiedSince: undefined,
  }
  response.set({ ETag: etag, 'Cache-Control': 'public, max-age=300' })
  if (evaluatePreconditions(preconditions, { etag, lastModifiedMs: 0 }) === 'unmodified') {
    response.status(304).end()
    return
  }
  response.set('Content-Type', contentType).send(body)
}
