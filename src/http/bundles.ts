import { type Request, Router } from 'express'
import type { Identity } from '../auth/verify.ts'
import { changeBundleRequest, createBundleRequest, deleteBundleQuery, listBundlesQuery } from '../contract/bundle.ts'
import { listBundles, type WantedBundle } from '../db/bundles.ts'
import type { Sql } from '../db/connect.ts'
import { bundleNotFound, changeBundle, createBundle, getBundle, presentBundle, removeBundle } from '../files/bundles.ts'
import type { SignedIn } from './caller.ts'
import { keyedRequest } from './idempotency-key.ts'
import { parseQuery, pathUuid, readBody } from './validate.ts'

/** `/bundles/…` */
export function bundleRoutes({ sql }: { sql: Sql }, signedIn: SignedIn): Router {
  const router = Router()
  router.post(
    '/',
    signedIn(async (request, response, caller) => {
      const body = await readBody(createBundleRequest, request, response)
      const keyed = keyedRequest(request, caller)
      const bundle = await createBundle(sql, { accountId: caller.account, request: body, keyed })
      response.status(201).location(`${request.baseUrl}/${bundle.id}`).json(presentBundle(bundle))
    }),
  )
  router.get(
    '/',
    signedIn(async (request, response, caller) => {
      const page = parseQuery(listBundlesQuery, request)
      const { bundles, total } = await listBundles(sql, { ...page, accountId: caller.account })
      response.set('X-Total', String(total)).json(bundles.map(presentBundle))
    }),
  )
  router.get(
    '/:bundleId',
    signedIn(async (request, response, caller) => {
      response.json(presentBundle(await getBundle(sql, wantedOf(request, caller))))
    }),
  )
  router.patch(
    '/:bundleId',
    signedIn(async (request, response, caller) => {
      const changes = await readBody(changeBundleRequest, request, response)
      response.json(presentBundle(await changeBundle(sql, wantedOf(request, caller), changes)))
    }),
  )
  router.delete(
    '/:bundleId',
    signedIn(async (request, response, caller) => {
      const { files } = parseQuery(deleteBundleQuery, request)
      await removeBundle(sql, wantedOf(request, caller), files)
      response.status(204).end()
    }),
  )
  return router
}

function wantedOf(request: Request, caller: Identity): WantedBundle {
  const id = pathUuid(request, 'bundleId')
  if (id === undefined) throw bundleNotFound(String(request.params['bundleId']))
  return { id, accountId: caller.account }
}
