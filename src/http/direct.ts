import { Router } from 'express'
import { reportPartsRequest, signPartsRequest } from '../contract/direct.ts'
import { type DirectDeps, reportParts, signDirectParts } from '../uploads/direct.ts'
import type { SignedIn } from './caller.ts'
import { wantedOf } from './uploads.ts'
import { readBody, readOptionalBody } from './validate.ts'

/** `/files/upload/direct/{taskId}`: chunks that go straight to the pool. */
export function directRoutes(deps: DirectDeps, signedIn: SignedIn): Router {
  const router = Router()

  // Not a GET, though it changes nothing: who may only read must not get what it takes to write.
  router.post(
    '/:taskId/urls',
    signedIn(async (request, response, caller) => {
      const body = await readOptionalBody(signPartsRequest, request, response)
      // Signed URLs are secrets.
      response.set('Cache-Control', 'no-store').json(await signDirectParts(deps, wantedOf(request, caller), body))
    }),
  )

  router.post(
    '/:taskId/parts',
    signedIn(async (request, response, caller) => {
      const body = await readBody(reportPartsRequest, request, response, '1mb')
      response.json(await reportParts(deps, wantedOf(request, caller), body))
    }),
  )

  return router
}
