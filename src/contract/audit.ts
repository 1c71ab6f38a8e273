import { z } from 'zod'
import { count, id, instant, storableText } from './fields.ts'

const moment = z.iso.datetime({ offset: true }).transform((text) => new Date(text))

/** The query of `GET /api/admin/audit`. `before` is the answer's own, to go on with the next page. */
export const auditQuery = z.strictObject({
  accountId: z.uuid().toLowerCase().optional(),
  thingId: storableText(200).optional(),
  action: storableText(200).optional(),
  from: moment.optional(),
  until: moment.optional(),
  before: z.coerce.number().int().min(1).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
})

/** Answer of `GET /api/admin/audit`, the newest first. */
export const auditPage = z.strictObject({
  entries: z.array(
    z
      .strictObject({
        id: count,
        at: instant,
        accountId: id.nullable().describe('Null for somebody without an account, who came by a share link.'),
        isAdmin: z.boolean(),
        action: z
          .string()
          .describe(
            'The method and the route, such as `PATCH /files/:fileId`; `SHARE` or `UNSHARE` and the route when a share link came or went.',
          ),
        thingIds: z.array(z.string()),
        status: z.int(),
        code: z.string().nullable(),
        address: z.string(),
        requestId: z.string(),
      })
      .meta({ id: 'AuditEntry' }),
  ),
  before: count.nullable().describe('To ask for the next page with; null when there is none.'),
})
