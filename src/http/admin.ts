import { z } from 'zod'
import { bandView, workerView } from '../contract/admin.ts'
import { bands } from '../contract/task.ts'
import { pauseBand, resumeBand } from '../db/bands.ts'
import { type Sql, transact } from '../db/connect.ts'
import type { Dispatcher } from '../tasks/dispatch.ts'
import type { Backlog } from '../tasks/backlog.ts'
import { showBands, showWorkers } from '../tasks/figures.ts'
import { json } from './outcomes.ts'
import { type Route, route } from './route.ts'

export type AdminRoutesDeps = { sql: Sql; backlog: Backlog; dispatcher: Pick<Dispatcher, 'admit'> }

/** `/admin/…`: the bands and the workers. */
export function adminRoutes(deps: AdminRoutesDeps): Route[] {
  return [listBands(deps), pause(deps), resume(deps), listWorkers(deps)]
}

const params = z.object({ band: z.enum(bands, `must be one of ${bands.join(', ')}`) })

const listBands = ({ sql, backlog }: AdminRoutesDeps) =>
  route(
    {
      method: 'GET',
      path: '/bands',
      id: 'listBands',
      summary: 'Show how every band stands',
      answers: { 200: json('The bands, the most urgent first.', z.array(bandView)) },
    },
    async ({ response }) => {
      response.json(await showBands(sql, backlog))
    },
  )

const pause = ({ sql, backlog }: AdminRoutesDeps) =>
  route(
    {
      method: 'POST',
      path: '/bands/:band/pause',
      id: 'pauseBand',
      summary: 'Pause a band: nothing of it begins until it is resumed',
      params,
      answers: { 200: json('The band as it is now.', bandView) },
    },
    async ({ response, params: { band } }) => {
      await transact(sql, (query) => pauseBand(query, band))
      response.json((await showBands(sql, backlog)).find((one) => one.band === band))
    },
  )

const resume = ({ sql, backlog, dispatcher }: AdminRoutesDeps) =>
  route(
    {
      method: 'POST',
      path: '/bands/:band/resume',
      id: 'resumeBand',
      summary: 'Resume a band',
      params,
      answers: { 200: json('The band as it is now.', bandView) },
    },
    async ({ response, params: { band } }) => {
      await resumeBand(sql, band)
      dispatcher.admit()
      response.json((await showBands(sql, backlog)).find((one) => one.band === band))
    },
  )

const listWorkers = ({ sql }: AdminRoutesDeps) =>
  route(
    {
      method: 'GET',
      path: '/workers',
      id: 'listWorkers',
      summary: 'Show the live workers, and what each is at',
      answers: { 200: json('The workers.', z.array(workerView)) },
    },
    async ({ response }) => {
      response.json(await showWorkers(sql))
    },
  )
