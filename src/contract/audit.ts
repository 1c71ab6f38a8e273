import { z } from 'zod'
import { storableText } from './fields.ts'

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
