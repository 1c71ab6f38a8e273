import type { z } from 'zod'
import type { CreatedUploadToken, createUploadTokenRequest, UploadTokenView } from '../contract/token.ts'
import type { Api } from './api.ts'

/** For one upload (`taskId`), or for new ones into a bundle (`bundleId` and `maxBytes`). */
export type NewUploadToken = z.input<typeof createUploadTokenRequest>

/** `client.tokens`: what may be given to others so that they can upload, and nothing else. Each call throws LongshoreError. */
export class Tokens {
  readonly #api: Api

  constructor(api: Api) {
    this.#api = api
  }

  /** `token` is told here and never again. */
  async create(token: NewUploadToken): Promise<CreatedUploadToken> {
    return this.#api.json<CreatedUploadToken>({ method: 'POST', path: '/tokens', json: token })
  }

  /** Those that have not expired. */
  async list(): Promise<UploadTokenView[]> {
    return this.#api.json<UploadTokenView[]>({ path: '/tokens' })
  }

  /** Ends it at once, also in the middle of an upload. */
  async delete(tokenId: string): Promise<void> {
    return this.#api.nothing({ method: 'DELETE', path: `/tokens/${encodeURIComponent(tokenId)}`, isRepeatable: true })
  }
}
