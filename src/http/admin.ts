import { Router } from 'express'
import { type Band, bands } from '../contract/task.ts'
import { listBandMinutes, listBands, listRunning, pauseBand, resumeBand } from '../db/bands.ts'
import { type Sql, transact } from '../db/connect.ts'
import { listWorkers } from '../db/workers.ts'
import { AppError } from '../errors.ts'
import type { Dispatcher } from '../tasks/dispatch.ts'
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
      const [workers, running] = await Promise.all([listWorkers(sql), listRunning(sql)])
      response.json(
        workers.map((worker) => ({ ...worker, running: running.filter((task) => task.workerId === worker.id) })),
      )
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

async function showBands(sql: Sql) {
  const [rows, minutes] = await Promise.all([listBands(sql), listBandMinutes(sql)])
  return rows.map(({ oldestReadyAt, ...row }) => ({
    ...row,
    oldestWaitSeconds: oldestReadyAt === null ? 0 : Math.max(0, (Date.now() - oldestReadyAt.getTime()) / 1000),
    minutes: minutes
      .filter((one) => one.band === row.band)
      .map(({ minute, started, completed, failed }) => ({ minute, started, completed, failed })),
  }))
}
