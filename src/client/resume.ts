import { isRecord } from './errors.ts'
import type { ResumeStore } from './platform.ts'

/** Which upload belongs to a source, as it is kept while the upload is unfinished. */
export type ResumeNote = { taskId: string; hash: string; sizeBytes: number; fingerprint: string | undefined }

/** Keeps notes of unfinished uploads. What the store cannot do only costs the resume, and so is never an error. */
export class ResumeNotes {
  readonly #store: ResumeStore

  constructor(store: ResumeStore) {
    this.#store = store
  }

  async find(key: string): Promise<ResumeNote | undefined> {
    const text = await this.#store.get(key).catch(() => undefined)
    return text === undefined ? undefined : readNote(text)
  }

  async keep(key: string, note: ResumeNote): Promise<void> {
    await this.#store.set(key, JSON.stringify(note)).catch(() => {})
  }

  async forget(key: string): Promise<void> {
    await this.#store.delete(key).catch(() => {})
  }
}

function readNote(text: string): ResumeNote | undefined {
  try {
    const note: unknown = JSON.parse(text)
    if (!isRecord(note)) return undefined
    const { taskId, hash, sizeBytes, fingerprint } = note
    if (typeof taskId !== 'string' || typeof hash !== 'string' || typeof sizeBytes !== 'number') return undefined
    return { taskId, hash, sizeBytes, fingerprint: typeof fingerprint === 'string' ? fingerprint : undefined }
  } catch {
    return undefined
  }
}
