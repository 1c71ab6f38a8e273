import { open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { FileView } from '../contract/file.ts'
import { type DownloadOptions, fileOf, readContent, requireHash } from './download.ts'
import { Files } from './files.ts'
import { hashOnThread } from './node-hash.ts'

/** `client.files` in Node, where files can be fetched to a path as well. */
export class NodeFiles extends Files {
  /**
   * Fetches a file to a path, which is written only once all is there and its SHA-256 was checked. What was fetched lies beside it
   * until then, so that the same call goes on where it was broken off. Throws LongshoreError: DOWNLOAD_DAMAGED, …
   */
  async downloadTo(fileId: string, path: string, options: DownloadOptions = {}): Promise<FileView> {
    const file = await fileOf(this.api, fileId, options)
    const partPath = join(dirname(path), `.${basename(path)}.${file.hash.slice(0, 16)}.part`)
    await this.#fetch(file, partPath, options)
    const signal = options.signal ?? new AbortController().signal
    const hash = await hashOnThread({ path: partPath }, { onHashed: () => {}, signal })
    if (hash !== file.hash) await rm(partPath, { force: true })
    requireHash(file, hash)
    await rename(partPath, path)
    return file
  }

  async #fetch(file: FileView, partPath: string, options: DownloadOptions): Promise<void> {
    const part = await open(partPath, 'a', 0o600)
    try {
      let { size: atBytes } = await part.stat()
      // It cannot be the beginning of the file.
      if (atBytes > file.size) await part.truncate(0)
      if (atBytes > file.size) atBytes = 0
      for await (const bytes of readContent(this.api, file, atBytes, options)) await part.appendFile(bytes)
      await part.datasync()
    } finally {
      await part.close()
    }
  }
}
