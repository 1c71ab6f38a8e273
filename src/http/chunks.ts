import type { Request } from 'express'
import type { Identity } from '../auth/verify.ts'
import { chunkReceived } from '../contract/upload.ts'
import { AppError, type ErrorCode } from '../errors.ts'
import { beginChunk, type ChunkRequest, type ReceiveDeps } from '../uploads/receive.ts'
import { receiveForm, receiveRaw } from './chunk-body.ts'
import { parseContentDigest } from './content-digest.ts'
import { json } from './outcomes.ts'
import { type Route, route } from './route.ts'
import { wantedOf } from './uploads.ts'

/** `/files/upload/chunk/{taskId}/{chunkIndex}`: as a form by POST, as it is by PUT. */
export function chunkRoutes(deps: ReceiveDeps): Route[] {
  return [postChunk(deps), putChunk(deps)]
}

const path = '/:taskId/:chunkIndex'
const answers = { 200: json('The chunk is safely there.', chunkReceived) }
const errors = [
  'TASK_NOT_FOUND',
  'CHUNK_INDEX_INVALID',
  'CHUNK_SIZE_MISMATCH',
  'CHUNK_TOO_LARGE',
  'CHUNK_TORN',
  'CHUNK_STALLED',
  'CHUNK_ALREADY_UPLOADED',
  'CHUNK_BUSY',
  'DIGEST_INVALID',
  'DIGEST_MISMATCH',
  'TYPE_NOT_ACCEPTED',
  'ENCRYPTION_REQUIRED',
  'UNSUPPORTED_MEDIA_TYPE',
  'UPLOAD_PAUSED',
  'UPLOAD_ENDED',
  'STORAGE_UNAVAILABLE',
  'STORAGE_FULL',
] as const satisfies ErrorCode[]

const postChunk = (deps: ReceiveDeps) =>
  route(
    {
      method: 'POST',
      path,
      id: 'postChunk',
      summary: 'Send a chunk as a form, in the field `chunk`',
      uploadTokens: true,
      description:
        'It may be sent again as long as it was not answered with 200 or 409, both of which say that it is there.',
      bytes: 'multipart/form-data',
      headers: ['Content-Digest'],
      answers,
      errors: [...errors, 'MALFORMED_MULTIPART'],
    },
    async ({ request, response, caller }) => {
      if (!request.is('multipart/form-data')) {
        throw new AppError('UNSUPPORTED_MEDIA_TYPE', 'Send the chunk as multipart/form-data, or with PUT as it is.')
      }
      const chunk = await chunkOf(deps, request, caller)
      const form = parseContentDigest(request.get('Content-Digest'))
      await receiveForm(request, response, form, () => beginChunk(deps, chunk))
      response.json({ taskId: chunk.taskId, chunkIndex: chunk.index })
    },
  )

const putChunk = (deps: ReceiveDeps) =>
  route(
    {
      method: 'PUT',
      path,
      id: 'putChunk',
      summary: 'Send a chunk as it is',
      uploadTokens: true,
      bytes: 'application/octet-stream',
      headers: ['Content-Digest'],
      answers,
      errors,
    },
    async ({ request, response, caller }) => {
      if (request.headers['content-encoding'] !== undefined) {
        throw new AppError('UNSUPPORTED_MEDIA_TYPE', 'A chunk must be sent as it is, without Content-Encoding.')
      }
      const contentLengthBytes = declaredLength(request)
      const digests = parseContentDigest(request.get('Content-Digest'))
      const chunk = {
        ...(await chunkOf(deps, request, caller)),
        digests,
        ...(contentLengthBytes === undefined ? {} : { contentLengthBytes }),
      }
      await receiveRaw(request, () => beginChunk(deps, chunk))
      response.json({ taskId: chunk.taskId, chunkIndex: chunk.index })
    },
  )

async function chunkOf(deps: ReceiveDeps, request: Request, caller: Identity): Promise<ChunkRequest> {
  const digits = String(request.params['chunkIndex'])
  return {
    ...(await wantedOf(deps, request, caller)),
    index: /^\d{1,9}$/.test(digits) ? Number(digits) : Number.NaN,
    digests: [],
  }
}

function declaredLength(request: Request): number | undefined {
  const field = request.headers['content-length']
  return field === undefined ? undefined : Number(field)
}
