import type { Request, Response } from 'express'
import type { Identity } from '../auth/verify.ts'
import {
  bundleView,
  changeBundleRequest,
  createBundleRequest,
  deleteBundleQuery,
  listBundlesQuery,
} from '../contract/bundle.ts'
import { type BundleRow, listBundles, type WantedBundle } from '../db/bundles.ts'
import type { Sql } from '../db/connect.ts'
import { bundleNotFound, changeBundle, createBundle, getBundle, presentBundle, removeBundle } from '../files/bundles.ts'
import { noteAlso, noteMade } from './audit-trail.ts'
import { empty, json, made, page } from './outcomes.ts'
import { type Route, route } from './route.ts'
import { pathUuid } from './validate.ts'

type Deps = { sql: Sql }

/** `/bundles/…` */
export function bundleRoutes(deps: Deps): Route[] {
  return [create(deps), list(deps), show(deps), change(deps), remove(deps)]
}

const create = ({ sql }: Deps) =>
  route(
    {
      method: 'POST',
      path: '/',
      id: 'createBundle',
      summary: 'Create a bundle',
      body: createBundleRequest,
      keyed: true,
      answers: { 201: made('The bundle.', bundleView) },
      errors: ['SLUG_TAKEN'],
    },
    async ({ request, response, caller, body, keyed }) => {
      const bundle = await createBundle(sql, { accountId: caller.account, request: body, keyed })
      noteMade(response, bundle.id)
      noteShare(response, { after: bundle })
      response.status(201).location(`${request.baseUrl}/${bundle.id}`).json(presentBundle(bundle))
    },
  )

const list = ({ sql }: Deps) =>
  route(
    {
      method: 'GET',
      path: '/',
      id: 'listBundles',
      summary: "List the account's bundles",
      query: listBundlesQuery,
      answers: { 200: page('A page of them.', bundleView) },
    },
    async ({ response, caller, query }) => {
      const { bundles, total } = await listBundles(sql, { ...query, accountId: caller.account })
      response.set('X-Total', String(total)).json(bundles.map(presentBundle))
    },
  )

const show = ({ sql }: Deps) =>
  route(
    {
      method: 'GET',
      path: '/:bundleId',
      id: 'getBundle',
      summary: 'Show a bundle',
      answers: { 200: json('The bundle.', bundleView) },
      errors: ['BUNDLE_NOT_FOUND'],
    },
    async ({ request, response, caller }) => {
      response.json(presentBundle(await getBundle(sql, wantedOf(request, caller))))
    },
  )

const change = ({ sql }: Deps) =>
  route(
    {
      method: 'PATCH',
      path: '/:bundleId',
      id: 'changeBundle',
      summary: 'Change, share or unshare a bundle',
      description: 'What is left out stays; null takes description, slug, passcode or expiry away.',
      body: changeBundleRequest,
      answers: { 200: json('The bundle as it is now.', bundleView) },
      errors: ['BUNDLE_NOT_FOUND', 'SLUG_TAKEN'],
    },
    async ({ request, response, caller, body }) => {
      const { bundle, before } = await changeBundle(sql, wantedOf(request, caller), body)
      noteShare(response, { before, after: bundle })
      response.json(presentBundle(bundle))
    },
  )

const remove = ({ sql }: Deps) =>
  route(
    {
      method: 'DELETE',
      path: '/:bundleId',
      id: 'deleteBundle',
      summary: 'Delete a bundle',
      description: 'One with files in it only when `files` says what is to become of them.',
      query: deleteBundleQuery,
      answers: { 204: empty('It is gone.') },
      errors: ['BUNDLE_NOT_FOUND', 'BUNDLE_NOT_EMPTY'],
    },
    async ({ request, response, caller, query }) => {
      noteShare(response, { before: await removeBundle(sql, wantedOf(request, caller), query.files) })
      response.status(204).end()
    },
  )

/** A share link that came or went is on record by itself, for whoever looks for just that. */
function noteShare(response: Response, { before, after }: { before?: BundleRow; after?: BundleRow }): void {
  const linkOf = (bundle: BundleRow | undefined) => (bundle?.isShared ? bundle.slug : null)
  const [was, is] = [linkOf(before), linkOf(after)]
  if (was === is) return
  if (was !== null) noteAlso(response, 'UNSHARE /bundles/:bundleId')
  if (is !== null) noteAlso(response, 'SHARE /bundles/:bundleId')
}

function wantedOf(request: Request, caller: Identity): WantedBundle {
  const id = pathUuid(request, 'bundleId')
  if (id === undefined) throw bundleNotFound(String(request.params['bundleId']))
  return { id, accountId: caller.account }
}
