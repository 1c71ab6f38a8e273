import { z } from 'zod'
import { count, flag, id, instant, page, storableText } from './fields.ts'

/** A file as the API shows it. */
export const fileView = z
  .strictObject({
    id,
    name: z.string(),
    size: count.describe('In bytes.'),
    contentType: z.string(),
    hash: z.string().describe('SHA-256 of its bytes, in hexadecimal.'),
    poolId: id,
    bundleId: id.nullable(),
    tags: z.array(z.string()),
    expiredAt: instant.nullable(),
    deletedAt: instant.nullable().describe('Since when it lies in the trash.'),
    createdAt: instant,
    updatedAt: instant,
  })
  .meta({ id: 'File' })
export type FileView = z.output<typeof fileView>

/** Answer of `DELETE /api/files/trash` and `DELETE …/tasks/cleanup`: how many were removed. */
export const removedCount = z.strictObject({ removed: count })

/** Tags that a file may have at most. */
export const mostTags = 50
export const tag = z.string().trim().min(1).max(64).pipe(storableText(64))

const uuid = z.uuid().toLowerCase()
const size = z.coerce.number().int().min(0)
const moment = z.iso.datetime({ offset: true }).transform((text) => new Date(text))

/** The query of `GET /api/files`. What is left out does not narrow. */
export const listFilesQuery = z.strictObject({
  /** With `*` for any characters and `?` for one, whatever their case. */
  name: storableText(255).optional(),
  contentType: z
    .string()
    .regex(/^[\w.+-]+\/(\*|[\w.+-]+)$/, 'must be a type such as image/png, or image/*')
    .meta({ examples: ['image/*'] })
    .optional(),
  bundleId: z.union([z.literal('none').transform(() => null), uuid], 'must be a UUID, or none').optional(),
  tag: tag.optional(),
  poolId: uuid.optional(),
  minSize: size.optional(),
  maxSize: size.optional(),
  createdAfter: moment.optional(),
  createdBefore: moment.optional(),
  /** Those in the trash, in place of the others. */
  trashed: flag.default(false),
  sortBy: z.enum(['name', 'size', 'createdAt', 'updatedAt', 'deletedAt']).default('createdAt'),
  sortDescending: flag.default(true),
  ...page,
})

/** The query of `GET …/content`. What else is in it says nothing: people add words to links. */
export const contentQuery = z.object({
  /** `inline`: shown by a browser, if it is a picture, sound, a film or plain text, and not SVG. */
  disposition: z.enum(['attachment', 'inline']).default('attachment'),
})

/** Body of `PATCH /api/files/{id}`: what is left out stays; null takes bundle or expiry away. */
export const changeFileRequest = z.strictObject({
  name: storableText(1024).optional(),
  bundleId: uuid.nullable().optional(),
  /** In place of all that it has. */
  tags: z
    .array(tag)
    .max(mostTags)
    .transform((tags) => [...new Set(tags)].sort((one, other) => (one < other ? -1 : 1)))
    .optional(),
  expiredAt: moment
    .refine((at) => at.getTime() > Date.now(), 'must lie in the future')
    .nullable()
    .optional(),
})

/** The query of `DELETE /api/files/{id}`. */
export const deleteFileQuery = z.strictObject({
  /** For good, and not into the trash. */
  permanent: flag.default(false),
})
