import { type RequestHandler, Router } from 'express'
import type { AuditTrail } from './audit-trail.ts'
import type { SignedInFor } from './caller.ts'
import type { RequestLimits } from '../limits/requests.ts'
import { refuseOtherMethods } from './methods.ts'
import type { Meters } from '../metrics/meters.ts'
import type { Declaration, RouteGroup } from './route.ts'
import type { Tracing } from '../tracing/tracing.ts'
import { traced } from './traced.ts'
import type { UnderWay } from './under-way.ts'
import type { ReadJson } from './validate.ts'

export type MountDeps = {
  signedInFor: SignedInFor
  audit: Pick<AuditTrail, 'follow' | 'followVisitor'>
  requestLimits: Pick<RequestLimits, 'useShare'>
  underWay: Pick<UnderWay, 'track'>
  meters: Pick<Meters, 'request'>
  tracing: Pick<Tracing, 'isOn' | 'begin'>
  readJson: ReadJson
}

const expressNames = { GET: 'get', POST: 'post', PUT: 'put', PATCH: 'patch', DELETE: 'delete' } as const

/** Serves a group of routes to those whom it is for. */
export function routerOf(group: RouteGroup, deps: MountDeps): Router {
  const router = Router()
  for (const [declaration, handler] of handlersOf(group, deps)) {
    const watched = [
      measured(declaration, deps.meters),
      ...(deps.tracing.isOn ? [traced(declaration, deps.tracing)] : []),
    ]
    router[expressNames[declaration.method]](declaration.path, ...watched, handler)
  }
  return refuseOtherMethods(router)
}

function handlersOf(group: RouteGroup, { signedInFor, audit, requestLimits, underWay, readJson }: MountDeps) {
  if ('openTo' in group) {
    return group.routes.map(({ declaration, handle }) => {
      const handler: RequestHandler = async (request, response) => {
        if (group.isShare) {
          audit.followVisitor(request, response)
          await requestLimits.useShare(request.ip ?? '')
        }
        await underWay.track(handle(request, response, undefined, readJson))
      }
      return [declaration, handler] as const
    })
  }
  const signedIn = signedInFor(group.resource, group.unrecorded ? () => {} : audit.follow)
  return group.routes.map(({ declaration, handle }) => {
    const handler = signedIn((request, response, caller) => underWay.track(handle(request, response, caller, readJson)))
    return [declaration, handler] as const
  })
}

/** Counts a request once its answer has ended. A client that goes away before that is counted with 499. */
function measured({ id: operation, method }: Declaration, meters: MountDeps['meters']): RequestHandler {
  return (_request, response, next) => {
    const beganAtMs = performance.now()
    response.once('close', () => {
      const status = response.writableFinished ? response.statusCode : 499
      meters.request({ operation, method, status, seconds: (performance.now() - beganAtMs) / 1000 })
    })
    next()
  }
}
