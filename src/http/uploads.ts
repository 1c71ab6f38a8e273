import { type Request, type Response, Router } from 'express'
import type { Identity } from '../auth/verify.ts'
import { createUploadRequest, proveUploadRequest } from '../contract/upload.ts'
import { type CompleteDeps, completeUpload } from '../uploads/complete.ts'
import { type CreateDeps, createUpload } from '../uploads/create.ts'
import { uploadNotFound } from '../uploads/plan-cache.ts'
import { proveUpload } from '../uploads/prove.ts'
import type { Creator } from '../uploads/welcome.ts'
import { cancel, type ControlDeps } from '../tasks/control.ts'
import { requireUpload, showProgress, showUpload, type Wanted } from '../uploads/show.ts'
import { noteMade } from './audit-trail.ts'
import type { SignedIn } from './caller.ts'
import { keyedRequest } from './idempotency-key.ts'
import { poolUserOf } from './pools.ts'
import { preferredWaitMs } from './prefer.ts'
import { pathUuid, readBody } from './validate.ts'

export type UploadRoutesDeps = CreateDeps &
  CompleteDeps &
  ControlDeps & {
    /** Fires when the process shuts down: whoever waits for an upload to be finished is answered at once. */
    shutdown: AbortSignal
  }

const longestWaitMs = 25_000

/** `/files/upload/…` */
export function uploadRoutes(deps: UploadRoutesDeps, signedIn: SignedIn): Router {
  const router = Router()

  router.post(
    '/create',
    signedIn(async (request, response, caller) => {
      const body = await readBody(createUploadRequest, request, response)
      // The answer has signed URLs, which are secrets.
      if (body.direct) response.set('Cache-Control', 'no-store')
      const answer = await createUpload(deps, creatorOf(caller), body, keyedRequest(request, caller))
      noteMade(response, answer.fileExists ? answer.file.id : answer.taskId)
      response.json(answer)
    }),
  )

  router.post(
    '/prove/:taskId',
    signedIn(async (request, response, caller) => {
      const wanted = wantedOf(request, caller)
      const { proof } = await readBody(proveUploadRequest, request, response)
      response.json(await proveUpload(deps, wanted, creatorOf(caller), proof))
    }),
  )

  router.post(
    '/complete/:taskId',
    signedIn(async (request, response, caller) => {
      const wanted = wantedOf(request, caller)
      await answerCompletion(deps, wanted, request, response)
    }),
  )

  router.get(
    '/resume/:taskId',
    signedIn(async (request, response, caller) => {
      response.json(await showUpload(deps.sql, wantedOf(request, caller)))
    }),
  )

  router.get(
    '/progress/:taskId',
    signedIn(async (request, response, caller) => {
      response.json(await showProgress(deps.sql, wantedOf(request, caller)))
    }),
  )

  router.delete(
    '/task/:taskId',
    signedIn(async (request, response, caller) => {
      const wanted = wantedOf(request, caller)
      await requireUpload(deps.sql, wanted)
      await cancel(deps, wanted)
      response.status(204).end()
    }),
  )

  return router
}

function creatorOf(caller: Identity): Creator {
  return { ...poolUserOf(caller), quotaBytes: caller.quotaBytes }
}

async function answerCompletion(
  deps: UploadRoutesDeps,
  wanted: Wanted,
  request: Request,
  response: Response,
): Promise<void> {
  const left = new AbortController()
  response.once('close', () => left.abort())
  const signal = AbortSignal.any([deps.shutdown, left.signal])
  const waitMs = preferredWaitMs(request.get('Prefer'), longestWaitMs)
  const file = await completeUpload(deps, wanted, { waitMs, signal })
  if (file) {
    response.json(file)
    return
  }
  response.status(202).location(`${request.baseUrl}/resume/${wanted.taskId}`)
  response.json(await showUpload(deps.sql, wanted))
}

/** The upload that a path names, for its owner. Throws TASK_NOT_FOUND when it cannot be one. */
export function wantedOf(request: Request, caller: Identity): Wanted {
  const taskId = pathUuid(request, 'taskId')
  if (taskId === undefined) throw uploadNotFound(String(request.params['taskId']))
  return { taskId, accountId: caller.account }
}
