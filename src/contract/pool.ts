import { z } from 'zod'
import { count, id, instant, storableText } from './fields.ts'

const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"

/** A media type, or a family of them: `application/pdf`, `image/*`. */
const typePattern = z
  .string()
  .max(255)
  .regex(new RegExp(`^${token}/(?:\\*|${token})$`), 'must be a media type such as application/pdf, or image/*')
  .meta({ examples: ['image/*'] })
  .toLowerCase()

/** What may be said of a pool, each by itself; what is not said allows everything. */
const policyFields = {
  /** In bytes; of what is encrypted on its way in, before it is. */
  maxFileSize: z.int().min(0),
  acceptedTypes: z.array(typePattern).min(1).max(200),
  /** Only these accounts may put something there, and whoever has the permission. */
  allowedAccounts: z.array(z.uuid().toLowerCase()).max(10_000),
  /** Only tokens with this one among their `permissions`, and the accounts above. */
  permission: z.string().regex(/^[\w:./-]{1,100}$/, 'must be 1 to 100 letters, digits and _:./-'),
  /** `required`: nothing but age files lies there. `refused`: none that is encrypted on its way in. */
  encryption: z.enum(['allowed', 'required', 'refused']),
  /** After how long files that come without an expiry expire. */
  defaultExpirySeconds: z.int().min(60).max(3_153_600_000),
  /** False: chunks go through the API only, whatever its kind can do. */
  directUpload: z.boolean(),
  /** True: bytes that one account has there become a file of another one that shows that it has them too. */
  instantAcrossAccounts: z.boolean(),
}

/** What may go into a pool, as the ledger holds it. */
export const poolPolicy = z.strictObject(policyFields).partial()
export type PoolPolicy = z.output<typeof poolPolicy>

/** Each field by itself: null takes it away, what is left out stays. */
const policyChanges = z.strictObject({
  maxFileSize: policyFields.maxFileSize.nullable(),
  acceptedTypes: policyFields.acceptedTypes.nullable(),
  allowedAccounts: policyFields.allowedAccounts.nullable(),
  permission: policyFields.permission.nullable(),
  encryption: policyFields.encryption.nullable(),
  defaultExpirySeconds: policyFields.defaultExpirySeconds.nullable(),
  directUpload: policyFields.directUpload.nullable(),
  instantAcrossAccounts: policyFields.instantAcrossAccounts.nullable(),
})

export const costMultiplier = z.number().min(0).max(1_000_000)
const settings = z.record(z.string(), z.unknown())

/** Body of `POST /api/admin/pools`. */
export const createPoolRequest = z.strictObject({
  name: storableText(200),
  kind: z
    .string()
    .min(1)
    .max(20)
    .meta({ examples: ['local'] }),
  settings,
  policy: poolPolicy.default({}),
  costMultiplier: costMultiplier.default(1),
})
export type CreatePoolRequest = z.output<typeof createPoolRequest>

/** Body of `PATCH /api/admin/pools/{id}`: what is left out stays; `settings` are all of them anew. */
export const changePoolRequest = z.strictObject({
  name: storableText(200).optional(),
  settings: settings.optional(),
  policy: policyChanges.partial().optional(),
  costMultiplier: costMultiplier.optional(),
})
export type ChangePoolRequest = z.output<typeof changePoolRequest>

/** A pool as everybody sees it who may use it; null: nothing is said. */
export const poolView = z
  .strictObject({
    id,
    name: z.string(),
    isDefault: z.boolean().describe('Whether uploads go there that name none.'),
    disabled: z.boolean().describe('It takes no new files; those that are there stay.'),
    maxFileSize: count.nullable().describe('In bytes.'),
    acceptedTypes: z.array(z.string()).nullable(),
    encryption: z.enum(['allowed', 'required', 'refused']),
    defaultExpirySeconds: count.nullable(),
    directUpload: z.boolean(),
    instantAcrossAccounts: z.boolean(),
    costMultiplier: z.number(),
  })
  .meta({ id: 'Pool' })
export type PoolView = z.output<typeof poolView>

/** A pool as administrators see it. Its settings name credentials and never hold them. */
export const adminPoolView = z
  .strictObject({
    id,
    name: z.string(),
    kind: z.string(),
    settings: z.unknown(),
    policy: poolPolicy,
    costMultiplier: z.number(),
    isDefault: z.boolean(),
    isDeclared: z
      .boolean()
      .describe('By the settings of the processes: there alone its name and settings are changed.'),
    disabledAt: instant.nullable(),
    createdAt: instant,
    updatedAt: instant,
    filesCount: count.describe('What lies there.'),
    usedBytes: count,
    uploadsCount: count.describe('What is on its way.'),
    outputsCount: count,
  })
  .meta({ id: 'AdminPool' })
export type AdminPoolView = z.output<typeof adminPoolView>
