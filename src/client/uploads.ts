import type { z } from 'zod'
import type { listUploadsQuery, UploadDetails, UploadStats, UploadSummary, UploadView } from '../contract/upload.ts'
import type { Api, Page, Some } from './api.ts'

export type UploadFilter = Some<z.output<typeof listUploadsQuery>>

/** `client.uploads`: what became of uploads, from whatever program. Each call throws LongshoreError. */
export class Uploads {
  readonly #api: Api

  constructor(api: Api) {
    this.#api = api
  }

  async list(filter?: UploadFilter): Promise<Page<UploadSummary>> {
    return this.#api.page<UploadSummary>('/files/upload/tasks', filter)
  }

  /** Every upload that fits, the oldest first unless said otherwise, page by page. */
  each(filter: UploadFilter = {}): AsyncGenerator<UploadSummary, void, void> {
    return this.#api.each<UploadSummary>('/files/upload/tasks', {
      sortBy: 'createdAt',
      sortDescending: false,
      ...filter,
    })
  }

  /** An upload, and which of its chunks are there. */
  async get(taskId: string): Promise<UploadView> {
    return this.#api.json<UploadView>({ path: `/files/upload/resume/${encodeURIComponent(taskId)}` })
  }

  /** The same with its pool, its bundle, its speed and the time that it still needs. */
  async details(taskId: string): Promise<UploadDetails> {
    return this.#api.json<UploadDetails>({ path: `/files/upload/tasks/${encodeURIComponent(taskId)}/details` })
  }

  async stats(): Promise<UploadStats> {
    return this.#api.json<UploadStats>({ path: '/files/upload/stats' })
  }

  async cancel(taskId: string): Promise<void> {
    const path = `/files/upload/task/${encodeURIComponent(taskId)}`
    return this.#api.nothing({ method: 'DELETE', path, isRepeatable: true })
  }

  /** Removes what failed or has expired; answers how many that were. */
  async cleanUp(): Promise<number> {
    const path = '/files/upload/tasks/cleanup'
    const answer = await this.#api.json<{ removed: number }>({ method: 'DELETE', path, isRepeatable: true })
    return answer.removed
  }
}
