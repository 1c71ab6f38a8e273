import type { Router } from 'express'
import type { Resource } from '../auth/scope.ts'
import type { WebhookDeps } from '../notify/webhooks.ts'
import type { ScheduleDeps } from '../tasks/schedules.ts'
import type { ReceiveDeps } from '../uploads/receive.ts'
import { type AdminRoutesDeps, adminRoutes } from './admin.ts'
import { auditRoutes } from './audit.ts'
import type { AuditTrail } from './audit-trail.ts'
import type { SignedIn } from './caller.ts'
import { bundleRoutes } from './bundles.ts'
import { chunkRoutes } from './chunks.ts'
import { directRoutes } from './direct.ts'
import { fileRoutes } from './files.ts'
import { poolAdminRoutes, poolRoutes } from './pools.ts'
import { type SharedRoutesDeps, sharedRoutes } from './shared.ts'
import { quotaAdminRoutes, quotaRoutes, usageRoutes } from './quota.ts'
import { scheduleRoutes } from './schedules.ts'
import { type TaskRoutesDeps, taskRoutes } from './tasks.ts'
import { uploadListRoutes } from './upload-lists.ts'
import { type UploadRoutesDeps, uploadRoutes } from './uploads.ts'
import { type PushRoutesDeps, pushRoutes } from './push.ts'
import { webhookRoutes } from './webhooks.ts'

export type ApiDeps = UploadRoutesDeps &
  ReceiveDeps &
  TaskRoutesDeps &
  ScheduleDeps &
  WebhookDeps &
  PushRoutesDeps &
  AdminRoutesDeps

/** The wrapper for routes of a resource; what they do goes on record unless something else is to follow them. */
export type SignedInFor = (resource: Resource, follow?: AuditTrail['follow']) => SignedIn

/** What lies below `/api`, by its path. What comes first is asked first. */
export function apiRouters(deps: ApiDeps, signedIn: SignedInFor): [path: string, router: Router][] {
  return [
    ['/files/upload/chunk', chunkRoutes(deps, signedIn('files', unrecorded))],
    ['/files/upload/direct', directRoutes(deps, signedIn('files', unrecorded))],
    ['/files/upload', uploadRoutes(deps, signedIn('files'))],
    ['/files/upload', uploadListRoutes(deps, signedIn('files'))],
    ['/files', fileRoutes(deps, signedIn('files'))],
    ['/bundles', bundleRoutes(deps, signedIn('files'))],
    ['/tasks', taskRoutes(deps, signedIn('tasks'))],
    ['/schedules', scheduleRoutes(deps, signedIn('tasks'))],
    ['/push', pushRoutes(deps, signedIn('notifications'))],
    ['/webhooks', webhookRoutes(deps, signedIn('notifications'))],
    ['/admin/audit', auditRoutes(deps, signedIn('admin'))],
    ['/pools', poolRoutes(deps, signedIn('files'))],
    ['/admin/pools', poolAdminRoutes(deps, signedIn('admin'))],
    ['/quota', quotaRoutes(deps, signedIn('files'))],
    ['/usage', usageRoutes(deps, signedIn('files'))],
    ['/admin', quotaAdminRoutes(deps, signedIn('admin'))],
    ['/admin', adminRoutes(deps, signedIn('admin'))],
  ]
}

/** What lies below `/api` for everybody, without a token. */
export function publicRouters(deps: SharedRoutesDeps): [path: string, router: Router][] {
  return [['/shared', sharedRoutes(deps)]]
}

/** There are too many chunks to keep on record who sent each. */
const unrecorded = (): void => {}
