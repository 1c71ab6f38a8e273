import { Router } from 'express'
import { listUploadsQuery, recentUploadsQuery } from '../contract/upload.ts'
import { listUploads } from '../db/upload-lists.ts'
import type { ControlDeps } from '../tasks/control.ts'
import { cleanUpUploads } from '../uploads/clean-up.ts'
import type { ClearDeps } from '../uploads/clear.ts'
import { showDetails, uploadStats } from '../uploads/overview.ts'
import { presentUpload } from '../uploads/show.ts'
import type { SignedIn } from './caller.ts'
import { wantedOf } from './uploads.ts'
import { parseQuery } from './validate.ts'

/** `/files/upload/tasks…` and `/files/upload/stats`: an account's uploads on the whole. */
export function uploadListRoutes(deps: ControlDeps & ClearDeps, signedIn: SignedIn): Router {
  const router = Router()

  router.get(
    '/tasks',
    signedIn(async (request, response, caller) => {
      const filter = parseQuery(listUploadsQuery, request)
      const { uploads, total } = await listUploads(deps.sql, { ...filter, accountId: caller.account })
      response.set('X-Total', String(total)).json(uploads.map(presentUpload))
    }),
  )

  router.get(
    '/tasks/recent',
    signedIn(async (request, response, caller) => {
      const { limit } = parseQuery(recentUploadsQuery, request)
      const latest = { sortBy: 'lastActivity', sortDescending: true, offset: 0, limit } as const
      const { uploads, total } = await listUploads(deps.sql, { ...latest, accountId: caller.account })
      response.set('X-Total', String(total)).json(uploads.map(presentUpload))
    }),
  )

  router.delete(
    '/tasks/cleanup',
    signedIn(async (_request, response, caller) => {
      response.json({ removed: await cleanUpUploads(deps, caller.account) })
    }),
  )

  router.get(
    '/tasks/:taskId/details',
    signedIn(async (request, response, caller) => {
      response.json(await showDetails(deps.sql, wantedOf(request, caller)))
    }),
  )

  router.get(
    '/stats',
    signedIn(async (_request, response, caller) => {
      response.json(await uploadStats(deps.sql, caller.account))
    }),
  )

  return router
}
