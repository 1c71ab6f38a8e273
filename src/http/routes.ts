import type { WebhookDeps } from '../notify/webhooks.ts'
import type { ScheduleDeps } from '../tasks/schedules.ts'
import type { ReceiveDeps } from '../uploads/receive.ts'
import { type AdminRoutesDeps, adminRoutes } from './admin.ts'
import { auditRoutes } from './audit.ts'
import { boardSessionRoutes } from './board-session.ts'
import { bundleRoutes } from './bundles.ts'
import { chunkRoutes } from './chunks.ts'
import { deliveryRoutes } from './deliveries.ts'
import { directRoutes } from './direct.ts'
import { documentRoutes } from './document-routes.ts'
import { fileRoutes } from './files.ts'
import { type HealthDeps, healthRoutes } from './health.ts'
import { describeApi } from './openapi.ts'
import { poolAdminRoutes } from './pool-admin.ts'
import { poolRoutes } from './pools.ts'
import { quotaAdminRoutes, quotaRoutes } from './quota.ts'
import { type MetricsDeps, metricsRoutes } from './metrics.ts'
import type { RouteGroup } from './route.ts'
import { type SignInDeps, signInRoutes } from './sign-in.ts'
import { type SharedRoutesDeps, shareAccessRoutes, sharedRoutes } from './shared.ts'
import { scheduleRoutes } from './schedules.ts'
import { type TaskRoutesDeps, taskRoutes } from './tasks.ts'
import { tokenRoutes } from './tokens.ts'
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
  SharedRoutesDeps &
  SignInDeps &
  AdminRoutesDeps

/** Every route there is, by where it lies. What comes first is asked first. */
export type RouteGroups = {
  /** Below `/api`, and below `/drive`. */
  api: RouteGroup[]
  /** Below nothing. */
  root: RouteGroup[]
}

export function routeGroups(deps: ApiDeps & HealthDeps & MetricsDeps): RouteGroups {
  const groups: RouteGroups = {
    api: [
      ...uploadGroups(deps),
      ...fileGroups(deps),
      ...workGroups(deps),
      ...tellingGroups(deps),
      ...adminGroups(deps),
      { path: '/sign-in', tag: 'Sign-in', openTo: 'everybody', routes: signInRoutes(deps) },
    ],
    root: [
      { path: '/health', tag: 'Health', openTo: 'everybody', routes: healthRoutes(deps) },
      { path: '/', tag: 'Health', openTo: 'everybody', routes: metricsRoutes(deps) },
    ],
  }
  groups.root.push({
    path: '/',
    tag: 'Documents',
    openTo: 'everybody',
    routes: documentRoutes(() => describeApi(groups)),
  })
  return groups
}

function uploadGroups(deps: ApiDeps): RouteGroup[] {
  const tag = 'Uploads'
  return [
    // There are too many chunks to keep on record who sent each.
    { path: '/files/upload/chunk', tag, resource: 'files', unrecorded: true, routes: chunkRoutes(deps) },
    { path: '/files/upload/direct', tag, resource: 'files', unrecorded: true, routes: directRoutes(deps) },
    { path: '/files/upload', tag, resource: 'files', routes: [...uploadRoutes(deps), ...uploadListRoutes(deps)] },
    { path: '/tokens', tag, resource: 'files', routes: tokenRoutes(deps) },
  ]
}

function fileGroups(deps: ApiDeps): RouteGroup[] {
  return [
    { path: '/files', tag: 'Files', resource: 'files', routes: fileRoutes(deps) },
    { path: '/bundles', tag: 'Bundles', resource: 'files', routes: bundleRoutes(deps) },
    { path: '/shared', tag: 'Shared bundles', openTo: 'everybody', isShare: true, routes: shareAccessRoutes(deps) },
    { path: '/shared', tag: 'Shared bundles', openTo: 'guests', isShare: true, routes: sharedRoutes(deps) },
    { path: '/pools', tag: 'Pools', resource: 'files', routes: poolRoutes(deps) },
    { path: '/', tag: 'Quota', resource: 'files', routes: quotaRoutes(deps) },
  ]
}

function workGroups(deps: ApiDeps): RouteGroup[] {
  return [
    { path: '/tasks', tag: 'Tasks', resource: 'tasks', routes: taskRoutes(deps) },
    { path: '/schedules', tag: 'Schedules', resource: 'tasks', routes: scheduleRoutes(deps) },
  ]
}

function tellingGroups(deps: ApiDeps): RouteGroup[] {
  const webhooks = [...webhookRoutes(deps), ...deliveryRoutes(deps)]
  return [
    { path: '/webhooks', tag: 'Webhooks', resource: 'notifications', routes: webhooks },
    { path: '/push', tag: 'Push', resource: 'notifications', routes: pushRoutes(deps) },
  ]
}

function adminGroups(deps: ApiDeps): RouteGroup[] {
  const tag = 'Administration'
  return [
    { path: '/admin/audit', tag, resource: 'admin', routes: auditRoutes(deps) },
    { path: '/admin/pools', tag, resource: 'admin', routes: poolAdminRoutes(deps) },
    {
      path: '/admin',
      tag,
      resource: 'admin',
      routes: [...quotaAdminRoutes(deps), ...adminRoutes(deps), ...boardSessionRoutes(deps)],
    },
  ]
}
