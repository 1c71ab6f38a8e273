import { z } from 'zod'
import { count, id, instant, optional } from './fields.ts'

const mostParts = 1000

const chunkIndex = z.int().min(0)

const md5 = z
  .string()
  .regex(/^[A-Za-z0-9+/]{22}==$/, 'must be the MD5 of the chunk in base64, as in Content-MD5')
  .meta({ examples: ['CY9rzUYh03PK3k6DJie09g=='] })
  .transform((text) => Buffer.from(text, 'base64'))

function each<Part extends { index: number }>(part: z.ZodType<Part>) {
  return z
    .array(part)
    .min(1)
    .max(mostParts)
    .refine((parts) => new Set(parts.map(({ index }) => index)).size === parts.length, 'must not name a chunk twice')
}

/** Body of `POST /api/files/upload/direct/{taskId}/urls`: chunks with their MD5, or a page of those that are not there yet. */
export const signPartsRequest = z
  .strictObject({
    parts: optional(each(z.strictObject({ index: chunkIndex, md5 }))),
    from: optional(chunkIndex),
    limit: optional(z.int().min(1).max(mostParts)),
  })
  .refine((given) => given.parts === undefined || (given.from ?? given.limit) === undefined, {
    path: ['parts'],
    error: 'must not come with from or limit',
  })
export type SignPartsRequest = z.output<typeof signPartsRequest>

/** Body of `POST /api/files/upload/direct/{taskId}/parts`. */
export const reportPartsRequest = z.strictObject({
  parts: each(z.strictObject({ index: chunkIndex, etag: z.string().max(200), md5 })),
})
export type ReportPartsRequest = z.output<typeof reportPartsRequest>

/** A chunk's own URL: PUT its bytes there with these header fields before it expires. */
const directPart = z.strictObject({
  index: count,
  size: count.describe('How many bytes the body has to have.'),
  url: z.string(),
  headers: z.record(z.string(), z.string()),
  expiresAt: instant,
})
export type DirectPart = z.output<typeof directPart>

export const directPage = z
  .strictObject({
    parts: z.array(directPart),
    next: count.nullable().describe('The index to ask on from; null when there are no more.'),
  })
  .meta({ id: 'DirectPage' })
export type DirectPage = z.output<typeof directPage>

export const reportedParts = z.strictObject({ taskId: id, received: z.array(count) })
export type ReportedParts = z.output<typeof reportedParts>

/** Why a reported part does not count. */
export type PartRefusal =
  | { index: number; reason: 'absent' }
  | { index: number; reason: 'size'; expectedSize: number; receivedSize: number }
  | { index: number; reason: 'etag' | 'md5' }
  /** A request through the API is sending the chunk just now. */
  | { index: number; reason: 'busy' }
