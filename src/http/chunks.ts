import { type Request, Router } from 'express'
import type { Identity } from '../auth/verify.ts'
import { AppError } from '../errors.ts'
import { beginChunk, type ChunkRequest, type ReceiveDeps } from '../uploads/receive.ts'
import type { SignedIn } from './caller.ts'
import { receiveForm, receiveRaw } from './chunk-body.ts'
import { parseContentDigest } from './content-digest.ts'
import { wantedOf } from './uploads.ts'

/** `/files/upload/chunk/{taskId}/{chunkIndex}`: as a form by POST, as it is by PUT. */
export function chunkRoutes(deps: ReceiveDeps, signedIn: SignedIn): Router {
  const router = Router()

  router.post(
    '/:taskId/:chunkIndex',
    signedIn(async (request, response, caller) => {
      if (!request.is('multipart/form-data')) {
        throw new AppError('UNSUPPORTED_MEDIA_TYPE', 'Send the chunk as multipart/form-data, or with PUT as it is.')
      }
      const chunk = chunkOf(request, caller)
      const form = parseContentDigest(request.get('Content-Digest'))
      await receiveForm(request, response, form, () => beginChunk(deps, chunk))
      response.json({ taskId: chunk.taskId, chunkIndex: chunk.index })
    }),
  )

  router.put(
    '/:taskId/:chunkIndex',
    signedIn(async (request, response, caller) => {
      if (request.headers['content-encoding'] !== undefined) {
        throw new AppError('UNSUPPORTED_MEDIA_TYPE', 'A chunk must be sent as it is, without Content-Encoding.')
      }
      const contentLengthBytes = declaredLength(request)
      const digests = parseContentDigest(request.get('Content-Digest'))
      const chunk = {
        ...chunkOf(request, caller),
        digests,
        ...(contentLengthBytes === undefined ? {} : { contentLengthBytes }),
      }
      await receiveRaw(request, () => beginChunk(deps, chunk))
      response.json({ taskId: chunk.taskId, chunkIndex: chunk.index })
    }),
  )

  return router
}

function chunkOf(request: Request, caller: Identity): ChunkRequest {
  const digits = String(request.params['chunkIndex'])
  return {
    ...wantedOf(request, caller),
    index: /^\d{1,9}$/.test(digits) ? Number(digits) : Number.NaN,
    digests: [],
  }
}

function declaredLength(request: Request): number | undefined {
  const field = request.headers['content-length']
  return field === undefined ? undefined : Number(field)
}
