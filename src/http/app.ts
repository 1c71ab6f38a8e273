import express, { type Express, type RequestHandler, Router } from 'express'
import type { RequestLimits } from '../limits/requests.ts'
import type { Log } from '../log.ts'
import { adminRoutes } from './admin.ts'
import { auditRoutes } from './audit.ts'
import type { AuditTrail } from './audit-trail.ts'
import type { Resource } from '../auth/scope.ts'
import type { Authenticate } from '../auth/verify.ts'
import { type SignedIn, signedInBy } from './caller.ts'
import { chunkRoutes } from './chunks.ts'
import { answerErrors, answerUnknown } from './errors.ts'
import { fileRoutes } from './files.ts'
import { type FrontDoorOptions, guardFrontDoor } from './front-door.ts'
import { type HealthDeps, healthRoutes } from './health.ts'
import type { ReceiveDeps } from '../uploads/receive.ts'
import { nameRequest } from './request-id.ts'
import { scheduleRoutes } from './schedules.ts'
import type { ScheduleDeps } from '../tasks/schedules.ts'
import { refuseOtherMethods } from './methods.ts'
import { type TaskRoutesDeps, taskRoutes } from './tasks.ts'
import type { UnderWay } from './under-way.ts'
import { uploadListRoutes } from './upload-lists.ts'
import { type UploadRoutesDeps, uploadRoutes } from './uploads.ts'

export type AppDeps = UploadRoutesDeps &
  ReceiveDeps &
  HealthDeps &
  TaskRoutesDeps &
  ScheduleDeps &
  FrontDoorOptions & {
    authenticate: Authenticate
    requestLimits: RequestLimits
    audit: Pick<AuditTrail, 'follow'>
    underWay: Pick<UnderWay, 'track'>
    log: Log
  }

/** The HTTP application: everything under `/api`, and the same under `/drive`, which a gateway may call it. */
export function createApp(deps: AppDeps): Express {
  const app = express()
  app.disable('x-powered-by')
  app.set('etag', false)
  app.set('query parser', 'simple')
  app.use(nameRequest, closeWhenStopping(deps.shutdown))
  guardFrontDoor(app, deps)
  app.use('/health', refuseOtherMethods(healthRoutes(deps)))
  const checked = signedInBy(deps.authenticate, deps.requestLimits)
  const signedIn =
    (resource: Resource, follow: AuditTrail['follow'] = deps.audit.follow): SignedIn =>
    (handle) =>
      checked(resource, follow)((request, response, caller) => deps.underWay.track(handle(request, response, caller)))
  const api = Router()
  api.use('/files/upload/chunk', refuseOtherMethods(chunkRoutes(deps, signedIn('files', unrecorded))))
  api.use('/files/upload', refuseOtherMethods(uploadRoutes(deps, signedIn('files'))))
  api.use('/files/upload', refuseOtherMethods(uploadListRoutes(deps, signedIn('files'))))
  api.use('/files', refuseOtherMethods(fileRoutes(deps, signedIn('files'))))
  api.use('/tasks', refuseOtherMethods(taskRoutes(deps, signedIn('tasks'))))
  api.use('/schedules', refuseOtherMethods(scheduleRoutes(deps, signedIn('tasks'))))
  api.use('/admin/audit', refuseOtherMethods(auditRoutes(deps, signedIn('admin'))))
  api.use('/admin', refuseOtherMethods(adminRoutes(deps, signedIn('admin'))))
  app.use(['/api', '/drive'], api)
  app.use(answerUnknown)
  app.use(answerErrors(deps.log))
  return app
}

/** There are too many chunks to keep on record who sent each. */
const unrecorded = (): void => {}

/** Tells clients of a process that is going away to open their next connection elsewhere. */
function closeWhenStopping(shutdown: AbortSignal): RequestHandler {
  return (_request, response, next) => {
    if (shutdown.aborted) response.set('Connection', 'close')
    next()
  }
}
