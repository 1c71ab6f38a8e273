import type { Request, Response } from 'express'
import type { Identity } from '../auth/verify.ts'
import { fileView } from '../contract/file.ts'
import {
  createUploadRequest,
  createUploadResponse,
  proveUploadRequest,
  proveUploadResponse,
  uploadProgress,
  uploadView,
} from '../contract/upload.ts'
import type { ErrorCode } from '../errors.ts'
import { type CompleteDeps, completeUpload } from '../uploads/complete.ts'
import { type CreateDeps, createUpload } from '../uploads/create.ts'
import type { Sql } from '../db/connect.ts'
import { uploadNotFound } from '../uploads/plan-cache.ts'
import { requireGranted } from '../uploads/tokens.ts'
import { proveUpload } from '../uploads/prove.ts'
import type { Creator } from '../uploads/welcome.ts'
import { poolUserOf } from '../files/pool-policy.ts'
import { cancel, type ControlDeps } from '../tasks/control.ts'
import { requireUpload, showProgress, showUpload, type Wanted } from '../uploads/show.ts'
import { noteMade } from './audit-trail.ts'
import { empty, json } from './outcomes.ts'
import { preferredWaitMs } from './prefer.ts'
import { type Route, route } from './route.ts'
import { pathUuid } from './validate.ts'

export type UploadRoutesDeps = CreateDeps &
  CompleteDeps &
  ControlDeps & {
    /** Fires when the process shuts down: whoever waits for an upload to be finished is answered at once. */
    shutdown: AbortSignal
  }

const longestWaitMs = 25_000
const completionErrors = [
  'CHUNKS_MISSING',
  'CHUNKS_DAMAGED',
  'HASH_MISMATCH',
  'UPLOAD_FAILED',
  'UPLOAD_PAUSED',
  'UPLOAD_ENDED',
  // What the pool has against the bytes, and what became of it while it was finished.
  'TYPE_NOT_ACCEPTED',
  'ENCRYPTION_REQUIRED',
  'POOL_NOT_FOUND',
  'SECRETS_UNAVAILABLE',
  'STORAGE_UNAVAILABLE',
  'STORAGE_FULL',
] as const satisfies ErrorCode[]

/** `/files/upload/…` */
export function uploadRoutes(deps: UploadRoutesDeps): Route[] {
  return [create(deps), prove(deps), complete(deps), resume(deps), progress(deps), remove(deps)]
}

const create = (deps: UploadRoutesDeps) =>
  route(
    {
      method: 'POST',
      path: '/create',
      id: 'createUpload',
      summary: 'Begin an upload, or have a file at once that is there already',
      uploadTokens: true,
      body: createUploadRequest,
      keyed: true,
      answers: { 200: json('The file, or the plan by which its chunks are to be sent.', createUploadResponse) },
      errors: [
        'QUOTA_EXCEEDED',
        'TOKEN_SPENT',
        'TOKEN_INVALID',
        'POOL_NOT_FOUND',
        'POOL_DISABLED',
        'ENCRYPTION_REQUIRED',
        'ENCRYPTION_REFUSED',
        'FILE_TOO_LARGE',
        'TYPE_NOT_ACCEPTED',
        'BUNDLE_NOT_FOUND',
        'SECRETS_UNAVAILABLE',
        'UPLOAD_LIMIT',
        'STORAGE_UNAVAILABLE',
        'STORAGE_FULL',
      ],
    },
    async ({ response, caller, body, keyed }) => {
      // The answer has signed URLs, which are secrets.
      if (body.direct) response.set('Cache-Control', 'no-store')
      const answer = await createUpload(deps, creatorOf(caller), body, keyed)
      noteMade(response, answer.fileExists ? answer.file.id : answer.taskId)
      response.json(answer)
    },
  )

const prove = (deps: UploadRoutesDeps) =>
  route(
    {
      method: 'POST',
      path: '/prove/:taskId',
      id: 'proveUpload',
      summary: 'Show to have the bytes of an upload, so that they need not be sent',
      uploadTokens: true,
      body: proveUploadRequest,
      answers: { 200: json('The file; or the chunks are to be sent.', proveUploadResponse) },
      errors: [
        'TASK_NOT_FOUND',
        'UPLOAD_PAUSED',
        'UPLOAD_ENDED',
        'CHALLENGE_GONE',
        'POOL_NOT_FOUND',
        'POOL_DISABLED',
        'TYPE_NOT_ACCEPTED',
        'ENCRYPTION_REQUIRED',
        'STORAGE_UNAVAILABLE',
      ],
    },
    async ({ request, response, caller, body }) => {
      const wanted = await wantedOf(deps, request, caller)
      response.json(await proveUpload(deps, wanted, creatorOf(caller), body.proof, untilGone(deps, response)))
    },
  )

const complete = (deps: UploadRoutesDeps) =>
  route(
    {
      method: 'POST',
      path: '/complete/:taskId',
      id: 'completeUpload',
      summary: 'Have the chunks made a file',
      uploadTokens: true,
      description: 'Waits up to 25 s for it; `Prefer` says otherwise.',
      headers: ['Prefer'],
      answers: {
        200: json('The file.', fileView),
        202: { is: 'It is being finished.', body: uploadView, headers: ['Location'] },
      },
      errors: ['TASK_NOT_FOUND', ...completionErrors],
    },
    async ({ request, response, caller }) => {
      await answerCompletion(deps, await wantedOf(deps, request, caller), request, response)
    },
  )

const resume = (deps: UploadRoutesDeps) =>
  route(
    {
      method: 'GET',
      path: '/resume/:taskId',
      id: 'resumeUpload',
      summary: 'Get what it takes to go on with an upload',
      uploadTokens: true,
      answers: { 200: json('The upload, with the chunks that are there.', uploadView) },
      errors: ['TASK_NOT_FOUND'],
    },
    async ({ request, response, caller }) => {
      response.json(await showUpload(deps.sql, await wantedOf(deps, request, caller)))
    },
  )

const progress = (deps: UploadRoutesDeps) =>
  route(
    {
      method: 'GET',
      path: '/progress/:taskId',
      id: 'getUploadProgress',
      summary: 'Show how far an upload is',
      uploadTokens: true,
      answers: { 200: json('How far it is.', uploadProgress) },
      errors: ['TASK_NOT_FOUND'],
    },
    async ({ request, response, caller }) => {
      response.json(await showProgress(deps.sql, await wantedOf(deps, request, caller)))
    },
  )

const remove = (deps: UploadRoutesDeps) =>
  route(
    {
      method: 'DELETE',
      path: '/task/:taskId',
      id: 'cancelUpload',
      summary: 'Cancel an upload',
      uploadTokens: true,
      answers: { 204: empty('It is cancelled.') },
      errors: ['TASK_NOT_FOUND', 'TASK_STATE'],
    },
    async ({ request, response, caller }) => {
      const wanted = await wantedOf(deps, request, caller)
      await requireUpload(deps.sql, wanted)
      await cancel(deps, wanted)
      response.status(204).end()
    },
  )

function creatorOf(caller: Identity): Creator {
  return { ...poolUserOf(caller), quotaBytes: caller.quotaBytes, grant: caller.upload }
}

async function answerCompletion(
  deps: UploadRoutesDeps,
  wanted: Wanted,
  request: Request,
  response: Response,
): Promise<void> {
  const signal = untilGone(deps, response)
  const waitMs = preferredWaitMs(request.get('Prefer'), longestWaitMs)
  const file = await completeUpload(deps, wanted, { waitMs, signal })
  if (file) {
    response.json(file)
    return
  }
  response.status(202).location(`${request.baseUrl}/resume/${wanted.taskId}`)
  response.json(await showUpload(deps.sql, wanted))
}

/** Fires when nobody waits for the answer any more, or nobody may. */
function untilGone({ shutdown }: UploadRoutesDeps, response: Response): AbortSignal {
  const left = new AbortController()
  response.once('close', () => left.abort())
  return AbortSignal.any([shutdown, left.signal])
}

/**
 * The upload that a path names, for its owner. Throws TASK_NOT_FOUND when it cannot be one, and when the caller's token is for
 * other uploads.
 */
export async function wantedOf({ sql }: { sql: Sql }, request: Request, caller: Identity): Promise<Wanted> {
  const taskId = pathUuid(request, 'taskId')
  if (taskId === undefined) throw uploadNotFound(String(request.params['taskId']))
  const wanted = { taskId, accountId: caller.account }
  await requireGranted(sql, wanted, caller.upload)
  return wanted
}
