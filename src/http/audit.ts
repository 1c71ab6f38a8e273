import { Router } from 'express'
import { auditQuery } from '../contract/audit.ts'
import { listAuditEntries } from '../db/audit.ts'
import type { Sql } from '../db/connect.ts'
import { type SignedIn, forAdmins } from './caller.ts'
import { parseQuery } from './validate.ts'

/** `/admin/audit`: who did what to which thing from where, the newest first. */
export function auditRoutes({ sql }: { sql: Sql }, signedIn: SignedIn): Router {
  const router = Router()
  router.get(
    '/',
    forAdmins(signedIn, async (request, response) => {
      const { limit, ...filter } = parseQuery(auditQuery, request)
      const entries = await listAuditEntries(sql, { ...filter, limit: limit + 1 })
      const page = entries.slice(0, limit)
      const last = page.at(-1)
      response.json({ entries: page, before: entries.length > limit && last ? last.id : null })
    }),
  )
  return router
}
