import { Router } from 'express'
import { type Band, bands } from '../contract/task.ts'
import { pauseBand, resumeBand } from '../db/bands.ts'
import { type Sql, transact } from '../db/connect.ts'
import { AppError } from '../errors.ts'
import type { Dispatcher } from '../tasks/dispatch.ts'
import { showBands, showWorkers } from '../tasks/figures.ts'
import { forAdmins, type SignedIn } from './caller.ts'

export type AdminRoutesDeps = { sql: Sql; dispatcher: Pick<Dispatcher, 'admit'> }

/** `/admin/…`: for tokens with `role: admin`. */
export function adminRoutes({ sql, dispatcher }: AdminRoutesDeps, signedIn: SignedIn): Router {
  const router = Router()

  router.get(
    '/bands',
    forAdmins(signedIn, async (_request, response) => {
      response.json(await showBands(sql))
    }),
  )
  router.post(
    '/bands/:band/pause',
    forAdmins(signedIn, async (request, response) => {
      const band = bandCalled(request.params['band'])
      await transact(sql, (query) => pauseBand(query, band))
      response.json((await showBands(sql)).find((one) => one.band === band))
    }),
  )
  router.post(
    '/bands/:band/resume',
    forAdmins(signedIn, async (request, response) => {
      const band = bandCalled(request.params['band'])
      await resumeBand(sql, band)
      dispatcher.admit()
      response.json((await showBands(sql)).find((one) => one.band === band))
    }),
  )
  router.get(
    '/workers',
    forAdmins(signedIn, async (_request, response) => {
      response.json(await showWorkers(sql))
    }),
  )
  return router
}

function bandCalled(name: unknown): Band {
  const band = bands.find((one) => one === name)
  if (band) return band
  throw new AppError('VALIDATION_FAILED', 'The request is not valid.', {
    details: { errors: [{ field: 'band', message: `must be one of ${bands.join(', ')}` }] },
  })
}
