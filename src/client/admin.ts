import type { z } from 'zod'
import type { BandView, BoardSessionView, WorkerView } from '../contract/admin.ts'
import type { AdminPoolView, changePoolRequest, createPoolRequest } from '../contract/pool.ts'
import type { QuotaView, UsageView } from '../contract/quota.ts'
import type { Band } from '../contract/task.ts'
import type { Api } from './api.ts'

export type NewPool = z.input<typeof createPoolRequest>
export type PoolChanges = z.input<typeof changePoolRequest>

/** `client.admin`: for tokens with `role: admin`; others are answered FORBIDDEN. Each call throws LongshoreError. */
export class Admin {
  readonly #api: Api

  constructor(api: Api) {
    this.#api = api
  }

  /** What waits and runs in each band, since when, and the last hour by the minute. */
  async bands(): Promise<BandView[]> {
    return this.#api.json<BandView[]>({ path: '/admin/bands' })
  }

  /** Nothing of the band is begun any more until it is resumed. */
  async pauseBand(band: Band): Promise<BandView> {
    return this.#api.json<BandView>({ method: 'POST', path: `/admin/bands/${band}/pause`, isRepeatable: true })
  }

  async resumeBand(band: Band): Promise<BandView> {
    return this.#api.json<BandView>({ method: 'POST', path: `/admin/bands/${band}/resume`, isRepeatable: true })
  }

  async workers(): Promise<WorkerView[]> {
    return this.#api.json<WorkerView[]>({ path: '/admin/workers' })
  }

  /** Opens the board of the queues to this browser for a while, by a cookie; the answer says where it is. */
  async openQueueBoard(): Promise<BoardSessionView> {
    return this.#api.json<BoardSessionView>({ method: 'POST', path: '/admin/queues/session', isRepeatable: true })
  }

  async pools(): Promise<AdminPoolView[]> {
    return this.#api.json<AdminPoolView[]>({ path: '/admin/pools' })
  }

  async pool(poolId: string): Promise<AdminPoolView> {
    return this.#api.json<AdminPoolView>({ path: poolPath(poolId) })
  }

  async createPool(pool: NewPool): Promise<AdminPoolView> {
    return this.#api.create<AdminPoolView>('/admin/pools', pool)
  }

  /** What is left out stays; null takes a field of the policy away. */
  async changePool(poolId: string, changes: PoolChanges): Promise<AdminPoolView> {
    return this.#api.json<AdminPoolView>({ method: 'PATCH', path: poolPath(poolId), json: changes, isRepeatable: true })
  }

  /** It takes no new files; those that are there stay. */
  async disablePool(poolId: string): Promise<AdminPoolView> {
    return this.#api.json<AdminPoolView>({ method: 'POST', path: `${poolPath(poolId)}/disable`, isRepeatable: true })
  }

  async enablePool(poolId: string): Promise<AdminPoolView> {
    return this.#api.json<AdminPoolView>({ method: 'POST', path: `${poolPath(poolId)}/enable`, isRepeatable: true })
  }

  async deletePool(poolId: string): Promise<void> {
    return this.#api.nothing({ method: 'DELETE', path: poolPath(poolId) })
  }

  async usageOf(accountId: string): Promise<UsageView> {
    return this.#api.json<UsageView>({ path: `${accountPath(accountId)}/usage` })
  }

  /** Null is without limit. */
  async setQuota(accountId: string, limitBytes: number | null): Promise<QuotaView> {
    return this.#api.json<QuotaView>({ method: 'PUT', path: `${accountPath(accountId)}/quota`, json: { limitBytes } })
  }
}

function poolPath(poolId: string): string {
  return `/admin/pools/${encodeURIComponent(poolId)}`
}

function accountPath(accountId: string): string {
  return `/admin/accounts/${encodeURIComponent(accountId)}`
}
