import express, { type Express, type RequestHandler, Router } from 'express'
import type { RequestLimits } from '../limits/requests.ts'
import type { Log } from '../log.ts'
import type { Meters } from '../metrics/meters.ts'
import type { AuditTrail } from './audit-trail.ts'
import type { Authenticate } from '../auth/verify.ts'
import { type BoardDeps, serveBoard } from './board.ts'
import { signedInBy } from './caller.ts'
import { servePage } from './dashboard.ts'
import { answerErrors, answerUnknown } from './errors.ts'
import { type FrontDoorOptions, guardFrontDoor } from './front-door.ts'
import type { HealthDeps } from './health.ts'
import type { MetricsDeps } from './metrics.ts'
import { nameRequest } from './request-id.ts'
import { routerOf } from './mount.ts'
import { type ApiDeps, routeGroups } from './routes.ts'
import type { Tracing } from '../tracing/tracing.ts'
import type { UnderWay } from './under-way.ts'
import { type BodyBounds, createJsonReader } from './validate.ts'

export type AppDeps = ApiDeps &
  HealthDeps &
  MetricsDeps &
  FrontDoorOptions &
  BoardDeps & {
    authenticate: Authenticate
    requestLimits: RequestLimits
    bodies: BodyBounds
    /** Where the built dashboard lies. */
    pageFolder: string
    audit: Pick<AuditTrail, 'follow' | 'followVisitor'>
    underWay: Pick<UnderWay, 'track'>
    meters: Meters
    tracing: Tracing
    log: Log
  }

/** The HTTP application: everything under `/api`, the same under `/drive`, which a gateway may call it, and the page. */
export function createApp(deps: AppDeps): Express {
  const app = express()
  app.disable('x-powered-by')
  app.set('etag', false)
  app.set('query parser', 'simple')
  app.use(nameRequest, closeWhenStopping(deps.shutdown))
  guardFrontDoor(app, deps)
  const signedInFor = signedInBy(deps.authenticate, deps.requestLimits)
  const mountDeps = { ...deps, signedInFor, readJson: createJsonReader(deps.bodies) }
  const groups = routeGroups(deps)
  for (const group of groups.root) app.use(group.path, routerOf(group, mountDeps))
  const api = Router()
  for (const group of groups.api) api.use(group.path, routerOf(group, mountDeps))
  app.use(['/api', '/drive'], api)
  app.use(serveBoard(deps))
  app.use(servePage(deps.pageFolder))
  app.use(answerUnknown)
  app.use(answerErrors(deps.log))
  return app
}

/** Tells clients of a process that is going away to open their next connection elsewhere. */
function closeWhenStopping(shutdown: AbortSignal): RequestHandler {
  return (_request, response, next) => {
    if (shutdown.aborted) response.set('Connection', 'close')
    next()
  }
}
