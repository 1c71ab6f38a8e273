import { randomUUID } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { type FileHandle, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { blobSource } from './browser-source.ts'
import { LongshoreError } from './errors.ts'
import { hashOnThread } from './node-hash.ts'
import type { Source } from './platform.ts'

/** What Node can upload: a path, a File or Blob, bytes, or a stream, which is written to a temporary file first. */
export type NodeInput = string | URL | Blob | Uint8Array | Readable | ReadableStream<Uint8Array>

export async function openNodeSource(input: unknown): Promise<Source> {
  if (typeof input === 'string') return openPath(input)
  if (input instanceof URL) return openPath(fileURLToPath(input))
  if (input instanceof Blob) return blobSource(input, (blob, options) => hashOnThread({ blob }, options))
  if (input instanceof Uint8Array) return openNodeSource(new Blob([new Uint8Array(input)]))
  if (input instanceof Readable || input instanceof ReadableStream) return spool(input)
  throw new LongshoreError(
    'INPUT_UNKNOWN',
    'What can be uploaded is a path, a File, a Blob, bytes, or a stream of bytes.',
  )
}

async function openPath(path: string): Promise<Source> {
  const file = await open(path).catch((cause: unknown) => {
    throw new LongshoreError('SOURCE_UNREADABLE', `${path} cannot be read.`, { cause })
  })
  const facts = await file.stat({ bigint: true })
  if (!facts.isFile()) {
    await file.close()
    throw new LongshoreError('SOURCE_UNREADABLE', `${path} is not a file.`)
  }
  return {
    name: basename(path),
    contentType: undefined,
    sizeBytes: Number(facts.size),
    fingerprint: `${resolve(path)} ${facts.size} ${facts.mtimeNs}`,
    read: (start, end) => readExactly(file, path, start, end),
    hash: (options) => hashOnThread({ path }, options),
    close: () => file.close(),
  }
}

async function readExactly(
  file: FileHandle,
  path: string,
  start: number,
  end: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(end - start)
  for (let filled = 0; filled < bytes.length; ) {
    const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, start + filled)
    if (bytesRead === 0) throw new LongshoreError('SOURCE_CHANGED', `${path} is shorter than it was.`)
    filled += bytesRead
  }
  return bytes
}

/** Writes a stream to a temporary file, which is gone when the upload is closed. */
async function spool(stream: Readable | ReadableStream<Uint8Array>): Promise<Source> {
  const path = join(tmpdir(), `longshore-${randomUUID()}`)
  const remove = (): Promise<void> => rm(path, { force: true })
  try {
    await pipeline(stream, createWriteStream(path, { mode: 0o600, flags: 'wx' }))
    const source = await openPath(path)
    return {
      ...source,
      name: undefined,
      fingerprint: undefined,
      close: async () => {
        await source.close()
        await remove()
      },
    }
  } catch (error) {
    await remove()
    throw error
  }
}
