import type { z } from 'zod'
import type { changeFileRequest, FileView, listFilesQuery } from '../contract/file.ts'
import type { Api, Page, Some } from './api.ts'
import { type DownloadOptions, downloadBlob, downloadStream } from './download.ts'
import type { Platform } from './platform.ts'

export type FileFilter = Omit<Some<z.output<typeof listFilesQuery>>, 'bundleId' | 'createdAfter' | 'createdBefore'> & {
  /** `none`: those in no bundle. */
  bundleId?: string | undefined
  createdAfter?: string | Date | undefined
  createdBefore?: string | Date | undefined
}
/** What is left out stays; null takes bundle or expiry away. */
export type FileChanges = Omit<z.input<typeof changeFileRequest>, 'expiredAt'> & { expiredAt?: string | Date | null }

type Options = { signal?: AbortSignal | undefined }

/** `client.files`. Each call throws LongshoreError. */
export class Files {
  protected readonly api: Api
  protected readonly platform: Platform

  constructor(api: Api, platform: Platform) {
    this.api = api
    this.platform = platform
  }

  async list(filter?: FileFilter, options: Options = {}): Promise<Page<FileView>> {
    return this.api.page<FileView>('/files', filter, options.signal)
  }

  /** Every file that fits, the oldest first unless said otherwise, page by page. */
  each(filter: FileFilter = {}, options: Options = {}): AsyncGenerator<FileView, void, void> {
    return this.api.each<FileView>('/files', { sortBy: 'createdAt', sortDescending: false, ...filter }, options.signal)
  }

  async get(fileId: string, options: Options = {}): Promise<FileView> {
    return this.api.json<FileView>({ path: pathOf(fileId), ...options })
  }

  /** Changes name, bundle, tags or expiry. */
  async change(fileId: string, changes: FileChanges): Promise<FileView> {
    return this.api.json<FileView>({ method: 'PATCH', path: pathOf(fileId), json: changes, isRepeatable: true })
  }

  async rename(fileId: string, name: string): Promise<FileView> {
    return this.change(fileId, { name })
  }

  /** Puts these tags in the place of those that it has. */
  async tag(fileId: string, tags: string[]): Promise<FileView> {
    return this.change(fileId, { tags })
  }

  /** Null: into no bundle. */
  async moveToBundle(fileId: string, bundleId: string | null): Promise<FileView> {
    return this.change(fileId, { bundleId })
  }

  /** Into the trash. */
  async delete(fileId: string): Promise<void> {
    return this.api.nothing({ method: 'DELETE', path: pathOf(fileId), isRepeatable: true })
  }

  /** Out of the trash. */
  async restore(fileId: string): Promise<FileView> {
    return this.api.json<FileView>({ method: 'POST', path: `${pathOf(fileId)}/restore` })
  }

  /** Removes it for good. */
  async purge(fileId: string): Promise<void> {
    return this.api.nothing({ method: 'DELETE', path: pathOf(fileId), query: { permanent: true } })
  }

  /** Removes for good what is in the trash; answers how many that were. */
  async emptyTrash(): Promise<number> {
    const answer = await this.api.json<{ removed: number }>({
      method: 'DELETE',
      path: '/files/trash',
      isRepeatable: true,
    })
    return answer.removed
  }

  /** A file's bytes, fetched on from where a connection broke, and checked. Throws DOWNLOAD_DAMAGED when they are not the file's. */
  async download(fileId: string, options?: DownloadOptions): Promise<Blob> {
    return downloadBlob(this.api, this.platform, fileId, options)
  }

  /** The same as they come. What is wrong with them shows at the end: the stream fails in place of ending. */
  async stream(fileId: string, options?: DownloadOptions): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
    return downloadStream(this.api, this.platform, fileId, options)
  }
}

function pathOf(fileId: string): string {
  return `/files/${encodeURIComponent(fileId)}`
}
