import { z } from 'zod'
import { poolView } from '../contract/pool.ts'
import { listUsablePools, type ManageDeps, showUsablePool } from '../files/manage-pools.ts'
import { poolUserOf } from '../files/pool-policy.ts'
import { json } from './outcomes.ts'
import { poolIdOf } from './pool-admin.ts'
import { type Route, route } from './route.ts'

/** `/pools`: those that the caller may put files into. */
export function poolRoutes(deps: ManageDeps): Route[] {
  return [list(deps), show(deps)]
}

const list = (deps: ManageDeps) =>
  route(
    {
      method: 'GET',
      path: '/',
      id: 'listPools',
      summary: 'List the pools that the caller may put files into',
      answers: { 200: json('All of them.', z.array(poolView), 'X-Total') },
    },
    async ({ response, caller }) => {
      const pools = await listUsablePools(deps, poolUserOf(caller))
      response.set('X-Total', String(pools.length)).json(pools)
    },
  )

const show = (deps: ManageDeps) =>
  route(
    {
      method: 'GET',
      path: '/:poolId',
      id: 'getPool',
      summary: 'Show a pool',
      answers: { 200: json('The pool.', poolView) },
      errors: ['POOL_NOT_FOUND'],
    },
    async ({ request, response, caller }) => {
      response.json(await showUsablePool(deps, poolIdOf(request), poolUserOf(caller)))
    },
  )
