import {
  createdUploadToken,
  createUploadTokenRequest,
  listUploadTokensQuery,
  uploadTokenView,
} from '../contract/token.ts'
import type { Sql } from '../db/connect.ts'
import { listUploadTokens } from '../db/upload-tokens.ts'
import { createUploadToken, presentUploadToken, revokeUploadToken, tokenNotFound } from '../uploads/tokens.ts'
import { noteMade } from './audit-trail.ts'
import { empty, json, page } from './outcomes.ts'
import { type Route, route } from './route.ts'
import { pathUuid } from './validate.ts'

type Deps = { sql: Sql; limits: { tokensPerAccount: number } }

/** `/tokens`: what a backend makes for browsers that upload. */
export function tokenRoutes(deps: Deps): Route[] {
  return [create(deps), list(deps), revoke(deps)]
}

const create = ({ sql, limits }: Deps) =>
  route(
    {
      method: 'POST',
      path: '/',
      id: 'createUploadToken',
      summary: 'Make a token that is good for one upload, or for new ones into one bundle',
      body: createUploadTokenRequest,
      answers: { 201: json('The token, which is told this once.', createdUploadToken) },
      errors: ['TASK_NOT_FOUND', 'BUNDLE_NOT_FOUND', 'UPLOAD_ENDED', 'TOKEN_LIMIT'],
    },
    async ({ response, caller, body }) => {
      const made = await createUploadToken(sql, caller, body, limits.tokensPerAccount)
      noteMade(response, made.id)
      response.status(201).set('Cache-Control', 'no-store').json(made)
    },
  )

const list = ({ sql }: Deps) =>
  route(
    {
      method: 'GET',
      path: '/',
      id: 'listUploadTokens',
      summary: 'List the upload tokens that have not expired',
      query: listUploadTokensQuery,
      answers: { 200: page('The newest first.', uploadTokenView) },
    },
    async ({ response, caller, query }) => {
      const { tokens, total } = await listUploadTokens(sql, { ...query, accountId: caller.account })
      response.set('X-Total', String(total)).json(tokens.map(presentUploadToken))
    },
  )

const revoke = ({ sql }: Deps) =>
  route(
    {
      method: 'DELETE',
      path: '/:tokenId',
      id: 'revokeUploadToken',
      summary: 'Take an upload token back',
      answers: { 204: empty('It counts for nothing any more.') },
      errors: ['TOKEN_NOT_FOUND'],
    },
    async ({ request, response, caller }) => {
      const id = pathUuid(request, 'tokenId')
      if (id === undefined) throw tokenNotFound(String(request.params['tokenId']))
      await revokeUploadToken(sql, { id, accountId: caller.account })
      response.status(204).end()
    },
  )
