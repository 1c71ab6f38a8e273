import { createContext, useContext, useSyncExternalStore } from 'react'
import { type Client, LongshoreError, type UploadHandle, type UploadState } from '../../client/browser.ts'
import type { PickedFile } from './picked.ts'

/** `instant`: the server had the bytes already, and nothing was sent. */
export type UploadPhase = 'waiting' | 'running' | 'done' | 'instant' | 'failed' | 'cancelled'

export type UploadItem = {
  key: number
  name: string
  sizeBytes: number
  phase: UploadPhase
  state: UploadState | undefined
  error: string | undefined
  handle: UploadHandle | undefined
}

type Job = { picked: PickedFile; target: UploadTarget }
export type UploadTarget = { poolId?: string; bundleId?: string; encryptPassword?: string; taskId?: string }

const atOnce = 3

/** The uploads of this tab: a few at once, the others in their turn. */
export class UploadList {
  readonly #client: Client
  readonly #jobs = new Map<number, Job>()
  readonly #watchers = new Set<() => void>()
  readonly #doneWatchers = new Set<() => void>()
  readonly #stopping = new AbortController()
  #items: readonly UploadItem[] = []
  #lastKey = 0
  #isTelling = false

  constructor(client: Client) {
    this.#client = client
  }

  get items(): readonly UploadItem[] {
    return this.#items
  }

  add(files: readonly PickedFile[], target: UploadTarget = {}): void {
    const added = files.map((picked): UploadItem => {
      const key = ++this.#lastKey
      this.#jobs.set(key, { picked, target })
      const { name, file } = picked
      return {
        key,
        name,
        sizeBytes: file.size,
        phase: 'waiting',
        state: undefined,
        error: undefined,
        handle: undefined,
      }
    })
    this.#items = [...this.#items, ...added]
    this.#tell()
    this.#startNext()
  }

  async pause(key: number): Promise<void> {
    await this.#find(key)?.handle?.pause()
  }

  async resume(key: number): Promise<void> {
    await this.#find(key)?.handle?.resume()
  }

  async cancel(key: number): Promise<void> {
    const { handle } = this.#find(key) ?? {}
    this.#change(key, { phase: 'cancelled' })
    await handle?.cancel()
    this.#startNext()
  }

  /** Tries one again that failed: it goes on with the bytes that are there. */
  retry(key: number): void {
    this.#change(key, { phase: 'waiting', error: undefined, state: undefined })
    this.#startNext()
  }

  /** Takes those off the list that have ended. */
  clear(): void {
    for (const { key } of this.#items.filter(hasEnded)) this.#jobs.delete(key)
    this.#items = this.#items.filter((item) => !hasEnded(item))
    this.#tell()
  }

  /** Breaks everything off; the uploads stay on the server, to be gone on with. */
  stop(): void {
    this.#stopping.abort(new LongshoreError('ABORTED', 'Somebody signed out.'))
  }

  watch(changed: () => void): () => void {
    this.#watchers.add(changed)
    return () => this.#watchers.delete(changed)
  }

  /** Calls back whenever a file has come to be. */
  watchDone(done: () => void): () => void {
    this.#doneWatchers.add(done)
    return () => this.#doneWatchers.delete(done)
  }

  #startNext(): void {
    const free = atOnce - this.#items.filter(({ phase }) => phase === 'running').length
    for (const { key } of this.#items.filter(({ phase }) => phase === 'waiting').slice(0, Math.max(0, free))) {
      void this.#run(key)
    }
  }

  async #run(key: number): Promise<void> {
    const job = this.#jobs.get(key)
    if (job === undefined) return
    const { picked, target } = job
    let hasSent = false
    const handle = this.#client.upload(picked.file, {
      ...target,
      fileName: picked.name,
      signal: this.#stopping.signal,
      onProgress: (state) => {
        hasSent ||= state.taskId !== undefined
        this.#change(key, { state })
      },
    })
    this.#change(key, { phase: 'running', handle })
    try {
      await handle
      this.#change(key, { phase: hasSent ? 'done' : 'instant' })
      this.#jobs.delete(key)
      for (const done of this.#doneWatchers) done()
    } catch (error) {
      const isCancelled = error instanceof LongshoreError && error.code === 'UPLOAD_CANCELLED'
      if (!isCancelled)
        this.#change(key, { phase: 'failed', error: error instanceof Error ? error.message : String(error) })
    }
    this.#startNext()
  }

  #find(key: number): UploadItem | undefined {
    return this.#items.find((item) => item.key === key)
  }

  #change(key: number, changes: Partial<UploadItem>): void {
    this.#items = this.#items.map((item) => (item.key === key ? { ...item, ...changes } : item))
    this.#tell()
  }

  /** Once for all that happens before the page is drawn again. */
  #tell(): void {
    if (this.#isTelling) return
    this.#isTelling = true
    queueMicrotask(() => {
      this.#isTelling = false
      for (const changed of this.#watchers) changed()
    })
  }
}

export function openUploads(client: Client): UploadList {
  return new UploadList(client)
}

export function hasEnded({ phase }: UploadItem): boolean {
  return phase === 'done' || phase === 'instant' || phase === 'cancelled'
}

export const UploadsContext = createContext<UploadList | undefined>(undefined)

/** Throws outside of what is shown to somebody who is signed in. */
export function useUploads(): { uploads: UploadList; items: readonly UploadItem[] } {
  const uploads = useContext(UploadsContext)
  if (uploads === undefined) throw new Error('nobody is signed in')
  const items = useSyncExternalStore(
    (changed) => uploads.watch(changed),
    () => uploads.items,
  )
  return { uploads, items }
}
