import { type Request, type RequestHandler, Router } from 'express'
import { accessRequest, sharedFilesQuery } from '../contract/bundle.ts'
import type { BundleRow } from '../db/bundles.ts'
import type { Sql } from '../db/connect.ts'
import { fileNotFound } from '../files/get.ts'
import type { Pools } from '../files/pools.ts'
import { getShared, listShared, openShare, presentShare, presentSharedFile, requireShare } from '../files/share.ts'
import { sendFile } from './files.ts'
import type { UnderWay } from './under-way.ts'
import { parseQuery, pathUuid, readBody } from './validate.ts'

export type SharedRoutesDeps = { sql: Sql; pools: Pools; underWay: Pick<UnderWay, 'track'> }

const cookieName = 'longshore_share'

/** `/shared/{slug}…`: bundles for whoever knows their slug, without an account. */
export function sharedRoutes({ sql, pools, underWay }: SharedRoutesDeps): Router {
  const router = Router()
  const reading =
    (handle: (...args: [...Parameters<RequestHandler>, BundleRow]) => Promise<void>): RequestHandler =>
    (request, response, next) =>
      underWay.track(
        requireShare(sql, slugOf(request), accessTokenOf(request)).then((bundle) => {
          response.set('Cache-Control', 'private, no-cache')
          return handle(request, response, next, bundle)
        }),
      )

  router.post('/:slug/access', async (request, response) => {
    const { passcode } = await readBody(accessRequest, request, response)
    const slug = slugOf(request)
    const granted = await openShare(sql, slug, { passcode, address: request.ip ?? '' })
    // For links that a browser follows by itself, which carry no header.
    response.cookie(cookieName, granted.accessToken, {
      httpOnly: true,
      sameSite: 'lax',
      secure: request.secure,
      path: `${request.baseUrl}/${slug}`,
      expires: granted.expiresAt,
    })
    response.json({ accessToken: granted.accessToken, expiresAt: granted.expiresAt.toISOString() })
  })
  router.get(
    '/:slug',
    reading(async (_request, response, _next, bundle) => {
      response.json(presentShare(bundle))
    }),
  )
  router.get(
    '/:slug/files',
    reading(async (request, response, _next, bundle) => {
      const { files, total } = await listShared(sql, bundle, parseQuery(sharedFilesQuery, request))
      response.set('X-Total', String(total)).json(files.map(presentSharedFile))
    }),
  )
  router.get(
    '/:slug/files/:fileId/content',
    reading(async (request, response, _next, bundle) => {
      const fileId = pathUuid(request, 'fileId')
      if (fileId === undefined) throw fileNotFound(String(request.params['fileId']))
      await sendFile(request, response, pools, await getShared(sql, bundle, fileId))
    }),
  )
  return router
}

function slugOf(request: Request): string {
  return String(request.params['slug']).slice(0, 64)
}

/** What `…/access` gave: as a bearer token, or in the cookie that it set. */
function accessTokenOf(request: Request): string | undefined {
  const bearer = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? '')?.[1]
  return bearer ?? new RegExp(`(?:^|; *)${cookieName}=([\\w-]+)`).exec(request.headers.cookie ?? '')?.[1]
}
