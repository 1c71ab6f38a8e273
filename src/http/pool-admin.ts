import type { Request } from 'express'
import { z } from 'zod'
import { adminPoolView, changePoolRequest, createPoolRequest } from '../contract/pool.ts'
import {
  changePool,
  createPool,
  listAllPools,
  type ManageDeps,
  removePool,
  showPool,
  switchPool,
} from '../files/manage-pools.ts'
import { poolNotFound } from '../files/pool-policy.ts'
import { noteMade } from './audit-trail.ts'
import { empty, json, made } from './outcomes.ts'
import { type Route, route } from './route.ts'
import { pathUuid } from './validate.ts'

/** `/admin/pools`: all of them, for those who rule over them. */
export function poolAdminRoutes(deps: ManageDeps): Route[] {
  return [
    list(deps),
    create(deps),
    show(deps),
    change(deps),
    switches(deps, { id: 'disablePool', name: 'disable', summary: 'Have a pool take no new files', isDisabled: true }),
    switches(deps, { id: 'enablePool', name: 'enable', summary: 'Have a pool take files again', isDisabled: false }),
    remove(deps),
  ]
}

const list = (deps: ManageDeps) =>
  route(
    {
      method: 'GET',
      path: '/',
      id: 'listAllPools',
      summary: 'List all pools, with what lies there',
      answers: { 200: json('All of them.', z.array(adminPoolView), 'X-Total') },
    },
    async ({ response }) => {
      const pools = await listAllPools(deps)
      response.set('X-Total', String(pools.length)).json(pools)
    },
  )

const create = (deps: ManageDeps) =>
  route(
    {
      method: 'POST',
      path: '/',
      id: 'createPool',
      summary: 'Create a pool',
      description: 'What `settings` may hold depends on `kind`; credentials are named there, never given.',
      body: createPoolRequest,
      bodySize: 'large',
      keyed: true,
      answers: { 201: made('The pool.', adminPoolView) },
      errors: ['POOL_UNUSABLE', 'POOL_OVERLAPS', 'POOL_IN_USE'],
    },
    async ({ request, response, body, keyed }) => {
      const pool = await createPool(deps, body, keyed)
      noteMade(response, pool.id)
      response.status(201).location(`${request.baseUrl}/${pool.id}`).json(pool)
    },
  )

const show = (deps: ManageDeps) =>
  route(
    {
      method: 'GET',
      path: '/:poolId',
      id: 'getAnyPool',
      summary: 'Show a pool, with what lies there',
      answers: { 200: json('The pool.', adminPoolView) },
      errors: ['POOL_NOT_FOUND'],
    },
    async ({ request, response }) => {
      response.json(await showPool(deps, poolIdOf(request)))
    },
  )

const change = (deps: ManageDeps) =>
  route(
    {
      method: 'PATCH',
      path: '/:poolId',
      id: 'changePool',
      summary: 'Change a pool or its policy',
      description: 'What is left out stays; null takes a field of the policy away; `settings` are all of them anew.',
      body: changePoolRequest,
      bodySize: 'large',
      answers: { 200: json('The pool as it is now.', adminPoolView) },
      errors: ['POOL_NOT_FOUND', 'POOL_DECLARED', 'POOL_UNUSABLE', 'POOL_OVERLAPS', 'POOL_IN_USE', 'POOL_NOT_EMPTY'],
    },
    async ({ request, response, body }) => {
      response.json(await changePool(deps, poolIdOf(request), body))
    },
  )

type Switch = { id: string; name: string; summary: string; isDisabled: boolean }

const switches = (deps: ManageDeps, { id, name, summary, isDisabled }: Switch) =>
  route(
    {
      method: 'POST',
      path: `/:poolId/${name}`,
      id,
      summary,
      answers: { 200: json('The pool as it is now.', adminPoolView) },
      errors: ['POOL_NOT_FOUND', 'POOL_IN_USE'],
    },
    async ({ request, response }) => {
      response.json(await switchPool(deps, poolIdOf(request), isDisabled))
    },
  )

const remove = (deps: ManageDeps) =>
  route(
    {
      method: 'DELETE',
      path: '/:poolId',
      id: 'deletePool',
      summary: 'Delete a pool with nothing in it',
      answers: { 204: empty('It is gone.') },
      errors: ['POOL_NOT_FOUND', 'POOL_NOT_EMPTY', 'POOL_DECLARED', 'POOL_IN_USE'],
    },
    async ({ request, response }) => {
      await removePool(deps, poolIdOf(request))
      response.status(204).end()
    },
  )

/** The pool that a path names. Throws POOL_NOT_FOUND when it cannot be one. */
export function poolIdOf(request: Request): string {
  const poolId = pathUuid(request, 'poolId')
  if (poolId === undefined) throw poolNotFound(String(request.params['poolId']))
  return poolId
}
