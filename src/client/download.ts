import type { FileView } from '../contract/file.ts'
import type { Api } from './api.ts'
import { backoffMs, isPassing, pause } from './backoff.ts'
import { LongshoreError } from './errors.ts'
import type { Platform } from './platform.ts'
import { SpeedWindow } from './speed.ts'

export type DownloadProgress = {
  loadedBytes: number
  totalBytes: number
  percent: number
  bytesPerSecond: number
  secondsLeft: number | null
}

export type DownloadOptions = {
  onProgress?: ((progress: DownloadProgress) => void) | undefined
  signal?: AbortSignal | undefined
}

type Reader = ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>

const silenceMs = 30_000
/** Attempts in a row that bring nothing. */
const attemptsAtMost = 8

export async function downloadBlob(
  api: Api,
  platform: Platform,
  fileId: string,
  options: DownloadOptions = {},
): Promise<Blob> {
  const file = await fileOf(api, fileId, options)
  const parts: Blob[] = []
  // Blobs of some size, which a browser may keep on disk, in place of very many small pieces.
  let pieces: Uint8Array<ArrayBuffer>[] = []
  let gatheredBytes = 0
  const gather = (): void => {
    parts.push(new Blob(pieces))
    pieces = []
    gatheredBytes = 0
  }
  for await (const bytes of verified(platform, file, readContent(api, file, 0, options))) {
    pieces.push(bytes)
    gatheredBytes += bytes.byteLength
    if (gatheredBytes >= 8 * 1024 * 1024) gather()
  }
  gather()
  return new Blob(parts, { type: file.contentType })
}

export async function downloadStream(
  api: Api,
  platform: Platform,
  fileId: string,
  options: DownloadOptions = {},
): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
  const file = await fileOf(api, fileId, options)
  const content = verified(platform, file, readContent(api, file, 0, options))
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await content.next()
      if (done) controller.close()
      else controller.enqueue(value)
    },
    async cancel() {
      await content.return()
    },
  })
}

export async function fileOf(api: Api, fileId: string, { signal }: DownloadOptions): Promise<FileView> {
  return api.json<FileView>({ path: `/files/${encodeURIComponent(fileId)}`, signal })
}

async function* verified(
  platform: Platform,
  file: FileView,
  content: AsyncGenerator<Uint8Array<ArrayBuffer>, void, void>,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
  const hasher = await platform.openHasher()
  for await (const bytes of content) {
    hasher.update(bytes)
    yield bytes
  }
  requireHash(file, hasher.digest())
}

/** Throws DOWNLOAD_DAMAGED unless the bytes with this SHA-256 are those of the file. */
export function requireHash(file: FileView, hash: string): void {
  if (hash === file.hash) return
  throw new LongshoreError('DOWNLOAD_DAMAGED', `What came is not "${file.name}": its SHA-256 is another one.`, {
    details: { fileId: file.id, expectedHash: file.hash, receivedHash: hash },
  })
}

/** A file's bytes from `fromBytes` on, as often as it takes to get them all. Nothing is checked here. */
export async function* readContent(
  api: Api,
  file: FileView,
  fromBytes: number,
  { onProgress, signal }: DownloadOptions,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
  const speed = new SpeedWindow()
  let loadedBytes = fromBytes
  let failures = 0
  const tell = (): void => {
    if (onProgress === undefined) return
    const percent = file.size === 0 ? 100 : (100 * loadedBytes) / file.size
    onProgress({ loadedBytes, totalBytes: file.size, percent, ...speed.outlook(file.size - loadedBytes) })
  }
  while (loadedBytes < file.size) {
    try {
      for await (const bytes of readOnce(api, file, loadedBytes, signal)) {
        failures = 0
        loadedBytes += bytes.byteLength
        speed.add(bytes.byteLength)
        tell()
        yield bytes
      }
      if (loadedBytes < file.size) throw new LongshoreError('NETWORK', 'The download broke off.')
    } catch (error) {
      signal?.throwIfAborted()
      if (!isPassing(error) || ++failures >= attemptsAtMost) throw error
      await pause(backoffMs(failures, error.retryAfterSeconds), signal)
    }
  }
  tell()
}

/** One request's bytes. Only what a consumer throws comes out as it is; whatever the network does is NETWORK. */
async function* readOnce(
  api: Api,
  file: FileView,
  fromBytes: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
  const silent = new AbortController()
  const response = await api.send({
    path: `/files/${file.id}/content`,
    headers: fromBytes === 0 ? {} : { Range: `bytes=${fromBytes}-` },
    signal: signal === undefined ? silent.signal : AbortSignal.any([signal, silent.signal]),
    attempts: 1,
  })
  if (fromBytes > 0 && response.status !== 206) {
    silent.abort()
    throw new LongshoreError('RANGE_IGNORED', 'A part was asked for and the whole came.', { status: response.status })
  }
  const reader: Reader | undefined = response.body?.getReader()
  if (reader === undefined) return
  try {
    for (;;) {
      const timer = setTimeout(() => silent.abort(), silenceMs)
      const read = reader.read().finally(() => clearTimeout(timer))
      const { done, value } = await read.catch((cause: unknown) => {
        throw new LongshoreError('NETWORK', 'The download broke off.', { cause })
      })
      if (done) return
      yield value
    }
  } finally {
    await reader.cancel().catch(() => {})
  }
}
