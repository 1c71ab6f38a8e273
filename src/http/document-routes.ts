import { createHash } from 'node:crypto'
import type { Request, Response } from 'express'
import { z } from 'zod'
import { evaluatePreconditions } from './conditional.ts'
import type { OpenApi } from './openapi.ts'
import { empty } from './outcomes.ts'
import { referencePage } from './reference/page.ts'
import { script, style } from './reference/style.ts'
import { openRoute, type Outcome, type Route } from './route.ts'

const unchanged = empty('It is what the caller has.', 'ETag')
const whole: Outcome = { is: 'The document.', body: z.looseObject({ openapi: z.literal('3.1.0') }), headers: ['ETag'] }

/** `/openapi.json` and `/docs`: what this server can do. Both are made when they are first asked for, and kept. */
export function documentRoutes(describe: () => OpenApi): Route<undefined>[] {
  return [
    document({ path: '/openapi.json', id: 'getOpenApi', summary: 'This document, for programs' }, whole, () =>
      asFile('application/json; charset=utf-8', JSON.stringify(describe())),
    ),
    document({ path: '/docs', id: 'getReference', summary: 'This document, to read' }, file('text/html'), () =>
      asFile('text/html; charset=utf-8', referencePage(describe())),
    ),
    document({ path: '/docs/style.css', id: 'getStyle', summary: 'How it looks' }, file('text/css'), () =>
      asFile('text/css; charset=utf-8', style),
    ),
    document(
      { path: '/docs/copy.js', id: 'getScript', summary: 'What copies its examples' },
      file('text/javascript'),
      () => asFile('text/javascript; charset=utf-8', script),
    ),
  ]
}

function file(type: string): Outcome {
  return { is: 'It.', types: [type], headers: ['ETag'] }
}

type File = { contentType: string; body: Buffer; etag: string }

function asFile(contentType: string, text: string): File {
  const body = Buffer.from(text)
  return { contentType, body, etag: `"${createHash('sha256').update(body).digest('base64url')}"` }
}

function document(names: { path: string; id: string; summary: string }, outcome: Outcome, make: () => File) {
  let made: File | undefined
  return openRoute(
    { method: 'GET', ...names, headers: ['If-None-Match'], answers: { 200: outcome, 304: unchanged } },
    ({ request, response }) => {
      made ??= make()
      send(request, response, made)
    },
  )
}

/** A page of ours may load our own files, and nothing else from anywhere. */
const policy =
  "default-src 'none'; style-src 'self'; script-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

function send(request: Request, response: Response, { contentType, body, etag }: File): void {
  const ifNoneMatch = request.get('If-None-Match')
  const conditions = { ifMatch: undefined, ifNoneMatch, ifModifiedSince: undefined, ifUnmodifiedSince: undefined }
  response.set({ ETag: etag, 'Cache-Control': 'public, max-age=300', 'Content-Security-Policy': policy })
  if (evaluatePreconditions(conditions, { etag, lastModifiedMs: 0 }) === 'unmodified') {
    response.status(304).end()
    return
  }
  response.set('Content-Type', contentType).send(body)
}
