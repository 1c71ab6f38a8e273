import { type Request, Router } from 'express'
import type { Identity } from '../auth/verify.ts'
import { changePoolRequest, createPoolRequest } from '../contract/pool.ts'
import {
  changePool,
  createPool,
  listAllPools,
  listUsablePools,
  type ManageDeps,
  removePool,
  showPool,
  showUsablePool,
  switchPool,
} from '../files/manage-pools.ts'
import { poolNotFound, type PoolUser } from '../files/pool-policy.ts'
import { noteMade } from './audit-trail.ts'
import { forAdmins, type SignedIn } from './caller.ts'
import { keyedRequest } from './idempotency-key.ts'
import { pathUuid, readBody } from './validate.ts'

/** `/pools`: those that the caller may put files into. */
export function poolRoutes(deps: ManageDeps, signedIn: SignedIn): Router {
  const router = Router()
  router.get(
    '/',
    signedIn(async (_request, response, caller) => {
      const pools = await listUsablePools(deps, poolUserOf(caller))
      response.set('X-Total', String(pools.length)).json(pools)
    }),
  )
  router.get(
    '/:poolId',
    signedIn(async (request, response, caller) => {
      response.json(await showUsablePool(deps, poolIdOf(request), poolUserOf(caller)))
    }),
  )
  return router
}

/** `/admin/pools`: all of them, for those who rule over them. */
export function poolAdminRoutes(deps: ManageDeps, signedIn: SignedIn): Router {
  const router = Router()
  router.get(
    '/',
    forAdmins(signedIn, async (_request, response) => {
      const pools = await listAllPools(deps)
      response.set('X-Total', String(pools.length)).json(pools)
    }),
  )
  router.post(
    '/',
    forAdmins(signedIn, async (request, response, caller) => {
      const body = await readBody(createPoolRequest, request, response, '1mb')
      const pool = await createPool(deps, body, keyedRequest(request, caller))
      noteMade(response, pool.id)
      response.status(201).location(`${request.baseUrl}/${pool.id}`).json(pool)
    }),
  )
  router.get(
    '/:poolId',
    forAdmins(signedIn, async (request, response) => {
      response.json(await showPool(deps, poolIdOf(request)))
    }),
  )
  router.patch(
    '/:poolId',
    forAdmins(signedIn, async (request, response) => {
      const changes = await readBody(changePoolRequest, request, response, '1mb')
      response.json(await changePool(deps, poolIdOf(request), changes))
    }),
  )
  for (const [name, isDisabled] of Object.entries({ disable: true, enable: false })) {
    router.post(
      `/:poolId/${name}`,
      forAdmins(signedIn, async (request, response) => {
        response.json(await switchPool(deps, poolIdOf(request), isDisabled))
      }),
    )
  }
  router.delete(
    '/:poolId',
    forAdmins(signedIn, async (request, response) => {
      await removePool(deps, poolIdOf(request))
      response.status(204).end()
    }),
  )
  return router
}

/** Whoever calls, as pools look at him. */
export function poolUserOf({ account: accountId, permissions, admin: isAdmin }: Identity): PoolUser {
  return { accountId, permissions, isAdmin }
}

function poolIdOf(request: Request): string {
  const poolId = pathUuid(request, 'poolId')
  if (poolId === undefined) throw poolNotFound(String(request.params['poolId']))
  return poolId
}
