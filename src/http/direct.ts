import { directPage, reportedParts, reportPartsRequest, signPartsRequest } from '../contract/direct.ts'
import type { ErrorCode } from '../errors.ts'
import { type DirectDeps, reportParts, signDirectParts } from '../uploads/direct.ts'
import { json } from './outcomes.ts'
import { type Route, route } from './route.ts'
import { wantedOf } from './uploads.ts'

/** `/files/upload/direct/{taskId}`: chunks that go straight to the pool. */
export function directRoutes(deps: DirectDeps): Route[] {
  return [signUrls(deps), report(deps)]
}

const errors = [
  'TASK_NOT_FOUND',
  'DIRECT_UNAVAILABLE',
  'CHUNK_INDEX_INVALID',
  'UPLOAD_PAUSED',
  'UPLOAD_ENDED',
  'STORAGE_UNAVAILABLE',
  'POOL_NOT_FOUND',
] as const satisfies ErrorCode[]

// Not a GET, though it changes nothing: who may only read must not get what it takes to write.
const signUrls = (deps: DirectDeps) =>
  route(
    {
      method: 'POST',
      path: '/:taskId/urls',
      id: 'signChunkUrls',
      summary: 'Get URLs by which chunks go straight to the pool',
      uploadTokens: true,
      body: signPartsRequest,
      bodyOptional: true,
      answers: { 200: json('A page of URLs.', directPage) },
      errors,
    },
    async ({ request, response, caller, body }) => {
      // Signed URLs are secrets.
      response
        .set('Cache-Control', 'no-store')
        .json(await signDirectParts(deps, await wantedOf(deps, request, caller), body))
    },
  )

const report = (deps: DirectDeps) =>
  route(
    {
      method: 'POST',
      path: '/:taskId/parts',
      id: 'reportChunks',
      summary: 'Report chunks that were sent to the pool',
      uploadTokens: true,
      body: reportPartsRequest,
      bodySize: 'large',
      answers: { 200: json('They count.', reportedParts) },
      errors: [...errors, 'PARTS_REFUSED'],
    },
    async ({ request, response, caller, body }) => {
      response.json(await reportParts(deps, await wantedOf(deps, request, caller), body))
    },
  )
