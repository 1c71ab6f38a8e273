import type { DirectPage, DirectPart, PartRefusal, ReportedParts } from '../contract/direct.ts'
import type { Api } from './api.ts'
import { reasonOf } from './backoff.ts'
import { type Chunk, chunkTimeoutMs, type Door } from './chunk-door.ts'
import { isRecord, LongshoreError } from './errors.ts'
import type { Platform } from './platform.ts'

type Arrived = { index: number; etag: string; md5: string }

/** So many are reported together, of 1,000 at most; and what was not reported for so long has to be sent again after a break. */
const reportAt = 50
const reportAfterMs = 2000
/** A URL that is about to expire is not begun with. */
const marginMs = 60_000
/** Failures in a row after which the store is taken for one that this client cannot reach. */
const failuresAtMost = 3

/**
 * Straight to the store, by signed URLs. What has arrived there is reported in batches. A store that does not answer as it should
 * (a browser without the bucket's CORS rule, for one) is given up, and everything goes through the API from then on.
 */
export class DirectDoor implements Door {
  readonly #api: Api
  readonly #platform: Pick<Platform, 'md5'>
  readonly #taskId: string
  readonly #instead: Door
  readonly #urls = new Map<number, DirectPart>()
  #arrived: Arrived[] = []
  #refused: number[] = []
  #failures = 0
  #reportedAt = performance.now()

  constructor(api: Api, platform: Pick<Platform, 'md5'>, upload: { taskId: string; page: DirectPage; instead: Door }) {
    this.#api = api
    this.#platform = platform
    this.#taskId = upload.taskId
    this.#instead = upload.instead
    this.#keep(upload.page)
  }

  async send(chunk: Chunk, signal: AbortSignal): Promise<void> {
    if (this.#failures >= failuresAtMost) return this.#instead.send(chunk, signal)
    const { index, bytes, sizeBytes } = chunk
    const part = await this.#urlOf(index, signal)
    if (part === undefined) return this.#instead.send(chunk, signal)
    const md5 = await this.#platform.md5(bytes)
    const etag = await this.#put(part, bytes, chunkTimeoutMs(sizeBytes), signal)
    this.#failures = 0
    this.#arrived.push({ index, etag, md5 })
    const isDue = performance.now() - this.#reportedAt >= reportAfterMs
    if (isDue || this.#arrived.length >= reportAt) await this.#report(signal)
  }

  async settle(signal: AbortSignal): Promise<number[]> {
    await this.#report(signal)
    return this.#refused.splice(0)
  }

  async #put(part: DirectPart, bytes: Chunk['bytes'], timeoutMs: number, signal: AbortSignal): Promise<string> {
    this.#urls.delete(part.index)
    const lost = new AbortController()
    const timer = setTimeout(() => lost.abort(), timeoutMs)
    try {
      const response = await this.#api.fetch(part.url, {
        method: 'PUT',
        headers: part.headers,
        body: bytes,
        signal: AbortSignal.any([signal, lost.signal]),
      })
      await response.body?.cancel()
      const etag = response.headers.get('ETag')
      if (response.ok && etag !== null) return etag
      const status = response.ok ? 0 : response.status
      // Whatever the store has against it, another URL, another attempt or the API may do.
      throw new LongshoreError('STORE_REFUSED', `The store answered ${response.status}.`, { details: { status } })
    } catch (cause) {
      if (signal.aborted) throw reasonOf(signal)
      this.#failures++
      if (cause instanceof LongshoreError) throw cause
      throw new LongshoreError('NETWORK', 'The store cannot be reached.', { cause })
    } finally {
      clearTimeout(timer)
    }
  }

  async #urlOf(index: number, signal: AbortSignal): Promise<DirectPart | undefined> {
    const known = this.#urls.get(index)
    if (known !== undefined && Date.parse(known.expiresAt) - marginMs > Date.now()) return known
    const path = `/files/upload/direct/${this.#taskId}/urls`
    try {
      const json = { from: index, limit: 100 }
      this.#keep(await this.#api.json<DirectPage>({ method: 'POST', path, json, isRepeatable: true, signal }))
    } catch (error) {
      if (!(error instanceof LongshoreError) || error.code !== 'DIRECT_UNAVAILABLE') throw error
      this.#failures = failuresAtMost
    }
    return this.#urls.get(index)
  }

  #keep({ parts }: DirectPage): void {
    for (const part of parts) this.#urls.set(part.index, part)
  }

  async #report(signal: AbortSignal): Promise<void> {
    const parts = this.#arrived
    this.#arrived = []
    this.#reportedAt = performance.now()
    if (parts.length === 0) return
    const path = `/files/upload/direct/${this.#taskId}/parts`
    try {
      await this.#api.json<ReportedParts>({ method: 'POST', path, json: { parts }, isRepeatable: true, signal })
    } catch (error) {
      const refused =
        error instanceof LongshoreError && error.code === 'PARTS_REFUSED' ? error.details['refused'] : undefined
      if (!Array.isArray(refused)) {
        this.#arrived.push(...parts)
        throw error
      }
      this.#refused.push(...refused.filter(isRefusal).map(({ index }) => index))
    }
  }
}

function isRefusal(refusal: unknown): refusal is PartRefusal {
  return isRecord(refusal) && typeof refusal['index'] === 'number'
}
