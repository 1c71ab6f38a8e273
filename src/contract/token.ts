import { z } from 'zod'
import { count, id, instant, page } from './fields.ts'

const dayMinutes = 24 * 60

/** Body of `POST /api/tokens`: what a browser, or whoever is given the token, may do with it, and for how long. */
export const createUploadTokenRequest = z
  .strictObject({
    /** One upload that was begun. */
    taskId: z.uuid().toLowerCase().optional(),
    /** Or new uploads into one bundle, of so many bytes together. */
    bundleId: z.uuid().toLowerCase().optional(),
    maxBytes: z.int().min(0).optional(),
    expiresInMinutes: z.int().min(1).max(dayMinutes).default(60),
  })
  .superRefine(({ taskId, bundleId, maxBytes }, context) => {
    const refuse = (field: string, message: string): void => {
      context.addIssue({ code: 'custom', path: [field], message })
    }
    if ((taskId === undefined) === (bundleId === undefined)) refuse('taskId', 'either this or bundleId must be given')
    if (bundleId !== undefined && maxBytes === undefined) refuse('maxBytes', 'must be given with bundleId')
    if (taskId !== undefined && maxBytes !== undefined) refuse('maxBytes', 'is said by the upload itself')
  })
export type CreateUploadTokenRequest = z.output<typeof createUploadTokenRequest>

/** The query of `GET /api/tokens`. */
export const listUploadTokensQuery = z.strictObject({ ...page })

/** An upload token as it is listed; what it is made of is told once. */
export const uploadTokenView = z.strictObject({
  id,
  taskId: id.nullable(),
  bundleId: id.nullable(),
  /** Of the uploads that it may begin; null for a token of one upload. */
  maxBytes: count.nullable(),
  /** Of the uploads that were begun with it. */
  usedBytes: count,
  expiresAt: instant,
  createdAt: instant,
})
export type UploadTokenView = z.output<typeof uploadTokenView>

/** Answer of `POST /api/tokens`. */
export const createdUploadToken = uploadTokenView.extend({ token: z.string() })
export type CreatedUploadToken = z.output<typeof createdUploadToken>
