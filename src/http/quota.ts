import { type Request, Router } from 'express'
import { listUsageQuery, setQuotaRequest } from '../contract/quota.ts'
import type { Sql } from '../db/connect.ts'
import { listUsage, setAdminLimit, unlimitedBytes } from '../db/usage.ts'
import { AppError } from '../errors.ts'
import type { Pools } from '../files/pools.ts'
import { presentPoolUsage, showQuota, showUsage } from '../files/quota.ts'
import { forAdmins, type SignedIn } from './caller.ts'
import { parseQuery, pathUuid, readBody } from './validate.ts'

type QuotaRoutesDeps = { sql: Sql; pools: Pools }

/** `/quota`: what the caller's account may have. */
export function quotaRoutes({ sql, pools }: QuotaRoutesDeps, signedIn: SignedIn): Router {
  const router = Router()
  router.get(
    '/',
    signedIn(async (_request, response, caller) => {
      response.json(await showQuota(sql, pools.quota, caller.account, caller.quotaBytes))
    }),
  )
  return router
}

/** `/usage`: the same, and what it has in which pool. */
export function usageRoutes({ sql, pools }: QuotaRoutesDeps, signedIn: SignedIn): Router {
  const router = Router()
  router.get(
    '/',
    signedIn(async (_request, response, caller) => {
      response.json(await showUsage(sql, pools.quota, caller.account, caller.quotaBytes))
    }),
  )
  return router
}

/** `/admin/accounts/{id}/quota`, `/admin/accounts/{id}/usage` and `/admin/usage`: for those who sell and bill it. */
export function quotaAdminRoutes({ sql, pools }: QuotaRoutesDeps, signedIn: SignedIn): Router {
  const router = Router()
  router.get(
    '/usage',
    forAdmins(signedIn, async (request, response) => {
      const { rows, total } = await listUsage(sql, parseQuery(listUsageQuery, request))
      response.set('X-Total', String(total))
      response.json(rows.map((row) => ({ accountId: row.accountId, ...presentPoolUsage(row) })))
    }),
  )
  router.get(
    '/accounts/:accountId/usage',
    forAdmins(signedIn, async (request, response) => {
      response.json(await showUsage(sql, pools.quota, accountOf(request)))
    }),
  )
  router.put(
    '/accounts/:accountId/quota',
    forAdmins(signedIn, async (request, response) => {
      const accountId = accountOf(request)
      const { limitBytes } = await readBody(setQuotaRequest, request, response)
      await setAdminLimit(sql, accountId, limitBytes ?? unlimitedBytes)
      response.json(await showQuota(sql, pools.quota, accountId))
    }),
  )
  router.delete(
    '/accounts/:accountId/quota',
    forAdmins(signedIn, async (request, response) => {
      const accountId = accountOf(request)
      await setAdminLimit(sql, accountId, null)
      response.json(await showQuota(sql, pools.quota, accountId))
    }),
  )
  return router
}

function accountOf(request: Request): string {
  const accountId = pathUuid(request, 'accountId')
  if (accountId !== undefined) return accountId
  throw new AppError('VALIDATION_FAILED', 'The request is not valid.', {
    details: { errors: [{ field: 'accountId', message: 'must be the UUID of an account' }] },
  })
}
