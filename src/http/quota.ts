import { z } from 'zod'
import { accountPoolUsage, listUsageQuery, quotaView, setQuotaRequest, usageView } from '../contract/quota.ts'
import type { Sql } from '../db/connect.ts'
import { listUsage, setAdminLimit, unlimitedBytes } from '../db/usage.ts'
import type { Pools } from '../files/pools.ts'
import { presentPoolUsage, showQuota, showUsage } from '../files/quota.ts'
import { json, page } from './outcomes.ts'
import { type Route, route } from './route.ts'

type Deps = { sql: Sql; pools: Pools }

/** `/quota` and `/usage`: what the caller's account may have, and what it has in which pool. */
export function quotaRoutes(deps: Deps): Route[] {
  return [ownQuota(deps), ownUsage(deps)]
}

/** `/admin/accounts/{id}/quota`, `/admin/accounts/{id}/usage` and `/admin/usage`: for those who sell and bill it. */
export function quotaAdminRoutes(deps: Deps): Route[] {
  return [allUsage(deps), usageOf(deps), setQuota(deps), unsetQuota(deps)]
}

const params = z.object({ accountId: z.guid('must be the UUID of an account').toLowerCase() })

const ownQuota = ({ sql, pools }: Deps) =>
  route(
    {
      method: 'GET',
      path: '/quota',
      id: 'getQuota',
      summary: "Show the account's quota",
      answers: { 200: json('The quota.', quotaView) },
    },
    async ({ response, caller }) => {
      response.json(await showQuota(sql, pools.quota, caller.account, caller.quotaBytes))
    },
  )

const ownUsage = ({ sql, pools }: Deps) =>
  route(
    {
      method: 'GET',
      path: '/usage',
      id: 'getUsage',
      summary: 'Show what the account has in which pool',
      answers: { 200: json('Quota and usage.', usageView) },
    },
    async ({ response, caller }) => {
      response.json(await showUsage(sql, pools.quota, caller.account, caller.quotaBytes))
    },
  )

const allUsage = ({ sql }: Deps) =>
  route(
    {
      method: 'GET',
      path: '/usage',
      id: 'listUsage',
      summary: 'List what all accounts have, pool by pool',
      query: listUsageQuery,
      answers: { 200: page('A page of it.', accountPoolUsage) },
    },
    async ({ response, query }) => {
      const { rows, total } = await listUsage(sql, query)
      response.set('X-Total', String(total))
      response.json(rows.map((row) => ({ accountId: row.accountId, ...presentPoolUsage(row) })))
    },
  )

const usageOf = ({ sql, pools }: Deps) =>
  route(
    {
      method: 'GET',
      path: '/accounts/:accountId/usage',
      id: 'getUsageOf',
      summary: 'Show what an account has in which pool',
      params,
      answers: { 200: json('Quota and usage.', usageView) },
    },
    async ({ response, params: { accountId } }) => {
      response.json(await showUsage(sql, pools.quota, accountId))
    },
  )

const setQuota = ({ sql, pools }: Deps) =>
  route(
    {
      method: 'PUT',
      path: '/accounts/:accountId/quota',
      id: 'setQuota',
      summary: "Set an account's quota, whatever its token says",
      params,
      body: setQuotaRequest,
      answers: { 200: json('The quota as it is now.', quotaView) },
    },
    async ({ response, params: { accountId }, body }) => {
      await setAdminLimit(sql, accountId, body.limitBytes ?? unlimitedBytes)
      response.json(await showQuota(sql, pools.quota, accountId))
    },
  )

const unsetQuota = ({ sql, pools }: Deps) =>
  route(
    {
      method: 'DELETE',
      path: '/accounts/:accountId/quota',
      id: 'unsetQuota',
      summary: "Leave an account's quota to its token, or to the default",
      params,
      answers: { 200: json('The quota as it is now.', quotaView) },
    },
    async ({ response, params: { accountId } }) => {
      await setAdminLimit(sql, accountId, null)
      response.json(await showQuota(sql, pools.quota, accountId))
    },
  )
