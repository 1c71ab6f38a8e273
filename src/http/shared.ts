import type { Request, Response } from 'express'
import { accessRequest, grantedAccess, sharedBundleView, sharedFilesQuery, sharedFileView } from '../contract/bundle.ts'
import { contentQuery } from '../contract/file.ts'
import type { BundleRow } from '../db/bundles.ts'
import type { Sql } from '../db/connect.ts'
import type { ErrorCode } from '../errors.ts'
import { fileNotFound } from '../files/get.ts'
import type { Pools } from '../files/pools.ts'
import {
  findShare,
  getShared,
  listShared,
  openShare,
  presentShare,
  presentSharedFile,
  requireAccess,
} from '../files/share.ts'
import { noteMade } from './audit-trail.ts'
import { sendFile } from './files.ts'
import { contentAnswers, contentRequest, json, page } from './outcomes.ts'
import { openRoute, type Route } from './route.ts'
import { pathUuid } from './validate.ts'

export type SharedRoutesDeps = {
  sql: Sql
  pools: Pools
  /** Of a bundle's passcode: by one address, and by all of them together. */
  passcodeTries: { perAddress: number; inAll: number }
}

const cookieName = 'longshore_share'

/** `/shared/{slug}/access`: who knows a passcode gets what it takes to read. */
export function shareAccessRoutes({ sql, passcodeTries: tries }: SharedRoutesDeps): Route<undefined>[] {
  return [
    openRoute(
      {
        method: 'POST',
        path: '/:slug/access',
        id: 'openShare',
        summary: 'Get access to a shared bundle by its passcode',
        body: accessRequest,
        answers: { 200: json('Access for an hour.', grantedAccess, 'Set-Cookie') },
        errors: ['SHARE_NOT_FOUND', 'SHARE_EXPIRED', 'PASSCODE_WRONG', 'TOO_MANY_ATTEMPTS'],
      },
      async ({ request, response, body }) => {
        const slug = slugOf(request)
        const bundle = await findShare(sql, slug)
        noteMade(response, bundle.id)
        const granted = await openShare(sql, bundle, { passcode: body.passcode, address: request.ip ?? '', tries })
        // For links that a browser follows by itself, which carry no header.
        response.cookie(cookieName, granted.accessToken, {
          httpOnly: true,
          sameSite: 'lax',
          secure: request.secure,
          path: `${request.baseUrl}/${slug}`,
          expires: granted.expiresAt,
        })
        response.json({ accessToken: granted.accessToken, expiresAt: granted.expiresAt.toISOString() })
      },
    ),
  ]
}

const errors = ['SHARE_NOT_FOUND', 'SHARE_EXPIRED', 'PASSCODE_REQUIRED'] as const satisfies ErrorCode[]

/** `/shared/{slug}…`: bundles for whoever knows their slug, without an account. */
export function sharedRoutes(deps: SharedRoutesDeps): Route<undefined>[] {
  return [show(deps), list(deps), content(deps)]
}

const show = ({ sql }: SharedRoutesDeps) =>
  openRoute(
    {
      method: 'GET',
      path: '/:slug',
      id: 'getShare',
      summary: 'Show a shared bundle',
      answers: { 200: json('The bundle.', sharedBundleView) },
      errors,
    },
    async ({ request, response }) => {
      response.json(presentShare(await read(sql, request, response)))
    },
  )

const list = ({ sql }: SharedRoutesDeps) =>
  openRoute(
    {
      method: 'GET',
      path: '/:slug/files',
      id: 'listSharedFiles',
      summary: 'List what lies in a shared bundle',
      query: sharedFilesQuery,
      answers: { 200: page('A page of it, the newest first.', sharedFileView) },
      errors,
    },
    async ({ request, response, query }) => {
      const { files, total } = await listShared(sql, await read(sql, request, response), query)
      response.set('X-Total', String(total)).json(files.map(presentSharedFile))
    },
  )

const content = ({ sql, pools }: SharedRoutesDeps) =>
  openRoute(
    {
      method: 'GET',
      path: '/:slug/files/:fileId/content',
      id: 'downloadSharedFile',
      summary: 'Download a file of a shared bundle',
      query: contentQuery,
      answers: contentAnswers,
      headers: contentRequest.headers,
      errors: [...errors, ...contentRequest.errors],
    },
    async ({ request, response, query }) => {
      const bundle = await read(sql, request, response)
      const fileId = pathUuid(request, 'fileId')
      if (fileId === undefined) throw fileNotFound(String(request.params['fileId']))
      await sendFile({ request, response, ...query }, pools, await getShared(sql, bundle, fileId))
    },
  )

async function read(sql: Sql, request: Request, response: Response): Promise<BundleRow> {
  const bundle = await findShare(sql, slugOf(request))
  noteMade(response, bundle.id)
  await requireAccess(sql, bundle, accessTokenOf(request))
  response.set('Cache-Control', 'private, no-cache')
  return bundle
}

function slugOf(request: Request): string {
  return String(request.params['slug']).slice(0, 64)
}

/** What `…/access` gave: as a bearer token, or in the cookie that it set. */
function accessTokenOf(request: Request): string | undefined {
  const bearer = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? '')?.[1]
  return bearer ?? new RegExp(`(?:^|; *)${cookieName}=([\\w-]+)`).exec(request.headers.cookie ?? '')?.[1]
}
