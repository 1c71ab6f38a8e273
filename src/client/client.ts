import type { QuotaView, UsageView } from '../contract/quota.ts'
import { Admin } from './admin.ts'
import { Api, type Fetch, type Token } from './api.ts'
import { Bundles } from './bundles.ts'
import type { Files } from './files.ts'
import { type Live, type LiveOptions, openLive } from './live.ts'
import type { Platform, ResumeStore } from './platform.ts'
import { Pools } from './pools.ts'
import { Schedules } from './schedules.ts'
import { Tasks } from './tasks.ts'
import { Tokens } from './tokens.ts'
import { startUpload } from './upload.ts'
import type { UploadHandle, UploadOptions } from './upload-options.ts'
import { Uploads } from './uploads.ts'
import { Webhooks } from './webhooks.ts'

export type ClientOptions = {
  /** Where the server is, such as `https://files.example.com`; in a page of the server itself `location.origin`. */
  url: string
  /** A bearer token, or a function that answers one: it is asked before every request. */
  token: Token
  /** In place of the global `fetch`. */
  fetch?: Fetch | undefined
  /** Where unfinished uploads are noted: localStorage in browsers, a folder of the user's in Node. */
  resumeStore?: ResumeStore | undefined
}

/** A server as one account sees it, wherever the program runs; `Input` is what it can upload there. */
export class BaseClient<Input, FilesHere extends Files> {
  readonly files: FilesHere
  readonly uploads: Uploads
  readonly tasks: Tasks
  readonly bundles: Bundles
  readonly pools: Pools
  readonly schedules: Schedules
  readonly webhooks: Webhooks
  readonly tokens: Tokens
  readonly admin: Admin
  readonly #api: Api
  readonly #platform: Platform

  constructor(options: ClientOptions, platform: Platform, openFiles: (api: Api, platform: Platform) => FilesHere) {
    const { url, token, fetch = platform.fetch, resumeStore = platform.resumeStore } = options
    this.#api = new Api({ url, token, fetch })
    this.#platform = { ...platform, fetch, resumeStore }
    this.files = openFiles(this.#api, this.#platform)
    this.uploads = new Uploads(this.#api)
    this.tasks = new Tasks(this.#api)
    this.bundles = new Bundles(this.#api)
    this.pools = new Pools(this.#api)
    this.schedules = new Schedules(this.#api)
    this.webhooks = new Webhooks(this.#api)
    this.tokens = new Tokens(this.#api)
    this.admin = new Admin(this.#api)
  }

  /**
   * Uploads a file, or goes on with an upload of it that was broken off. Await it for the file; meanwhile it can be paused, resumed and
   * cancelled. Throws LongshoreError; whatever went wrong, but for a cancellation, calling it again goes on where it was.
   */
  upload(input: Input, options: UploadOptions = {}): UploadHandle {
    return startUpload({ api: this.#api, platform: this.#platform }, input, options)
  }

  /** Watches rooms live, until it is closed. */
  live(options: LiveOptions = {}): Live {
    return openLive(this.#api, this.#platform, options)
  }

  /** What the account may have, and how much of it is used. */
  async quota(): Promise<QuotaView> {
    return this.#api.json<QuotaView>({ path: '/quota' })
  }

  /** The same, and what it has in which pool. */
  async usage(): Promise<UsageView> {
    return this.#api.json<UsageView>({ path: '/usage' })
  }
}
