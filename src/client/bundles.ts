import type { z } from 'zod'
import type { BundleView, changeBundleRequest, createBundleRequest, listBundlesQuery } from '../contract/bundle.ts'
import type { Api, Page, Some } from './api.ts'

type Dated<Body> = Omit<Body, 'expiredAt'> & { expiredAt?: string | Date | null }
export type NewBundle = Dated<z.input<typeof createBundleRequest>>
export type BundleChanges = Dated<z.input<typeof changeBundleRequest>>
export type BundleFilter = Some<z.output<typeof listBundlesQuery>>

/** `client.bundles`: named groups of files, which may be shared by a link. Each call throws LongshoreError. */
export class Bundles {
  readonly #api: Api

  constructor(api: Api) {
    this.#api = api
  }

  async create(bundle: NewBundle): Promise<BundleView> {
    return this.#api.create<BundleView>('/bundles', bundle)
  }

  async list(filter?: BundleFilter): Promise<Page<BundleView>> {
    return this.#api.page<BundleView>('/bundles', filter)
  }

  /** Every bundle that fits, the oldest first unless said otherwise, page by page. */
  each(filter: BundleFilter = {}): AsyncGenerator<BundleView, void, void> {
    return this.#api.each<BundleView>('/bundles', { sortBy: 'createdAt', sortDescending: false, ...filter })
  }

  async get(bundleId: string): Promise<BundleView> {
    return this.#api.json<BundleView>({ path: pathOf(bundleId) })
  }

  /** What is left out stays. */
  async change(bundleId: string, changes: BundleChanges): Promise<BundleView> {
    return this.#api.json<BundleView>({ method: 'PATCH', path: pathOf(bundleId), json: changes, isRepeatable: true })
  }

  /** `files` says what becomes of those in it; without it a bundle that has some is refused: BUNDLE_NOT_EMPTY. */
  async delete(bundleId: string, files?: 'keep' | 'delete'): Promise<void> {
    return this.#api.nothing({ method: 'DELETE', path: pathOf(bundleId), query: { files } })
  }
}

function pathOf(bundleId: string): string {
  return `/bundles/${encodeURIComponent(bundleId)}`
}
