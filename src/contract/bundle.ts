import { z } from 'zod'
import { count, flag, id, instant, page, storableText } from './fields.ts'
import { fileView } from './file.ts'

/** By which a shared bundle is read. */
export const slug = z
  .string()
  .regex(
    /^[a-z0-9](?:[a-z0-9-]{1,62})[a-z0-9]$/,
    'must be 3 to 64 small letters, digits and "-", and not begin or end with "-"',
  )
  .meta({ examples: ['holiday-2030'] })
const moment = z.iso
  .datetime({ offset: true })
  .transform((text) => new Date(text))
  .refine((at) => at.getTime() > Date.now(), 'must lie in the future')
const passcode = z
  .string()
  .min(4)
  .max(256)
  .refine((text) => text.isWellFormed(), 'must be well-formed Unicode')

const fields = {
  description: storableText(2000).nullable().optional(),
  /** By which it is read while it is shared; one that nobody can guess is made when none is given. */
  slug: slug.nullable().optional(),
  shared: z.boolean().optional(),
  /** Null takes it away. */
  passcode: passcode.nullable().optional(),
  /** From when nobody reads it by its slug any more; null: never. */
  expiredAt: moment.nullable().optional(),
}

/** Body of `POST /api/bundles`. */
export const createBundleRequest = z.strictObject({
  name: storableText(200).meta({ examples: ['Holiday'] }),
  ...fields,
})
/** Body of `PATCH /api/bundles/{id}`: what is left out stays. */
export const changeBundleRequest = z.strictObject({ name: storableText(200).optional(), ...fields })
export type ChangeBundleRequest = z.output<typeof changeBundleRequest>

/** The query of `GET /api/bundles`. */
export const listBundlesQuery = z.strictObject({
  shared: flag.optional(),
  sortBy: z.enum(['name', 'createdAt', 'updatedAt']).default('createdAt'),
  sortDescending: flag.default(true),
  ...page,
})

/** The query of `DELETE /api/bundles/{id}`: what becomes of the files in it. */
export const deleteBundleQuery = z.strictObject({ files: z.enum(['keep', 'delete']).optional() })

/** The query of `GET /api/shared/{slug}/files`. */
export const sharedFilesQuery = z.strictObject({
  ...page,
})

/** Body of `POST /api/shared/{slug}/access`. */
export const accessRequest = z.strictObject({ passcode: z.string().min(1).max(256) })

/** Answer of `POST /api/shared/{slug}/access`. */
export const grantedAccess = z.strictObject({
  accessToken: z.string().describe('To be brought as a bearer token; the same is set as a cookie.'),
  expiresAt: instant,
})

/** A bundle as its owner sees it. */
export const bundleView = z
  .strictObject({
    id,
    name: z.string(),
    description: z.string().nullable(),
    slug: z.string().nullable(),
    shared: z.boolean(),
    sharePath: z.string().nullable().describe('Where it is read without an account; null while it is not shared.'),
    hasPasscode: z.boolean(),
    expiredAt: instant.nullable(),
    filesCount: count,
    sizeBytes: count,
    createdAt: instant,
    updatedAt: instant,
  })
  .meta({ id: 'Bundle' })
export type BundleView = z.output<typeof bundleView>

/** A bundle as whoever knows its slug sees it, and a file in it. Nothing in them says whose they are. */
export const sharedBundleView = z
  .strictObject({
    name: z.string(),
    description: z.string().nullable(),
    slug: z.string(),
    expiredAt: instant.nullable(),
    filesCount: count,
    sizeBytes: count,
  })
  .meta({ id: 'SharedBundle' })
export type SharedBundleView = z.output<typeof sharedBundleView>
export const sharedFileView = fileView
  .pick({ id: true, name: true, size: true, contentType: true, hash: true, createdAt: true })
  .meta({ id: 'SharedFile' })
export type SharedFileView = z.output<typeof sharedFileView>
