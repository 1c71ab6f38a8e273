import { removedCount } from '../contract/file.ts'
import {
  listUploadsQuery,
  recentUploadsQuery,
  uploadDetails,
  uploadStats as uploadStatsView,
  uploadSummary,
} from '../contract/upload.ts'
import { listUploads } from '../db/upload-lists.ts'
import type { ControlDeps } from '../tasks/control.ts'
import { cleanUpUploads } from '../uploads/clean-up.ts'
import type { ClearDeps } from '../uploads/clear.ts'
import { showDetails, uploadStats } from '../uploads/overview.ts'
import { presentUpload } from '../uploads/show.ts'
import { json, page } from './outcomes.ts'
import { type Route, route } from './route.ts'
import { wantedOf } from './uploads.ts'

type Deps = ControlDeps & ClearDeps

/** `/files/upload/tasks…` and `/files/upload/stats`: an account's uploads on the whole. */
export function uploadListRoutes(deps: Deps): Route[] {
  return [list(deps), recent(deps), cleanUp(deps), details(deps), stats(deps)]
}

const list = (deps: Deps) =>
  route(
    {
      method: 'GET',
      path: '/tasks',
      id: 'listUploads',
      summary: "List the account's uploads",
      query: listUploadsQuery,
      answers: { 200: page('A page of them.', uploadSummary) },
    },
    async ({ response, caller, query }) => {
      const { uploads, total } = await listUploads(deps.sql, { ...query, accountId: caller.account })
      response.set('X-Total', String(total)).json(uploads.map(presentUpload))
    },
  )

const recent = (deps: Deps) =>
  route(
    {
      method: 'GET',
      path: '/tasks/recent',
      id: 'listRecentUploads',
      summary: 'List the uploads that something happened to last',
      query: recentUploadsQuery,
      answers: { 200: page('The latest first.', uploadSummary) },
    },
    async ({ response, caller, query }) => {
      const latest = { sortBy: 'lastActivity', sortDescending: true, offset: 0, limit: query.limit } as const
      const { uploads, total } = await listUploads(deps.sql, { ...latest, accountId: caller.account })
      response.set('X-Total', String(total)).json(uploads.map(presentUpload))
    },
  )

const cleanUp = (deps: Deps) =>
  route(
    {
      method: 'DELETE',
      path: '/tasks/cleanup',
      id: 'cleanUpUploads',
      summary: "Remove the account's failed and expired uploads",
      answers: { 200: json('How many were removed.', removedCount) },
    },
    async ({ response, caller }) => {
      response.json({ removed: await cleanUpUploads(deps, caller.account) })
    },
  )

const details = (deps: Deps) =>
  route(
    {
      method: 'GET',
      path: '/tasks/:taskId/details',
      id: 'getUploadDetails',
      summary: 'Show everything about an upload, its speed and the time that is left',
      answers: { 200: json('The upload.', uploadDetails) },
      errors: ['TASK_NOT_FOUND'],
    },
    async ({ request, response, caller }) => {
      response.json(await showDetails(deps.sql, await wantedOf(deps, request, caller)))
    },
  )

const stats = (deps: Deps) =>
  route(
    {
      method: 'GET',
      path: '/stats',
      id: 'getUploadStats',
      summary: "Sum up the account's uploads",
      answers: { 200: json('The figures.', uploadStatsView) },
    },
    async ({ response, caller }) => {
      response.json(await uploadStats(deps.sql, caller.account))
    },
  )
