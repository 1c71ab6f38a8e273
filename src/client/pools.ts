import type { PoolView } from '../contract/pool.ts'
import type { Api } from './api.ts'

/** `client.pools`: where files can be kept. Each call throws LongshoreError. */
export class Pools {
  readonly #api: Api

  constructor(api: Api) {
    this.#api = api
  }

  /** Those that this account may put files into. */
  async list(): Promise<PoolView[]> {
    return this.#api.json<PoolView[]>({ path: '/pools' })
  }

  async get(poolId: string): Promise<PoolView> {
    return this.#api.json<PoolView>({ path: `/pools/${encodeURIComponent(poolId)}` })
  }
}
