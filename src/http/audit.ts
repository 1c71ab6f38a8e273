import { auditPage, auditQuery } from '../contract/audit.ts'
import { listAuditEntries } from '../db/audit.ts'
import type { Sql } from '../db/connect.ts'
import { json } from './outcomes.ts'
import { type Route, route } from './route.ts'

/** `/admin/audit`: who did what to which thing from where, the newest first. */
export function auditRoutes({ sql }: { sql: Sql }): Route[] {
  return [
    route(
      {
        method: 'GET',
        path: '/',
        id: 'listAuditEntries',
        summary: 'Show who did what to which thing from where',
        query: auditQuery,
        answers: { 200: json('A page, the newest first.', auditPage) },
      },
      async ({ response, query }) => {
        const { limit, ...filter } = query
        const entries = await listAuditEntries(sql, { ...filter, limit: limit + 1 })
        const page = entries.slice(0, limit)
        const last = page.at(-1)
        response.json({ entries: page, before: entries.length > limit && last ? last.id : null })
      },
    ),
  ]
}
