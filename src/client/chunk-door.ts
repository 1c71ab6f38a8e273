import type { Api, Bytes } from './api.ts'
import type { Platform } from './platform.ts'

/** What is sent of an upload, and what came of it. */
export type Chunk = { index: number; bytes: Bytes; sizeBytes: number; attempt: number }

/** A way for chunks to the pool. */
export type Door = {
  /** Sends a chunk once. Resolves when it has arrived. Throws LongshoreError. */
  send: (chunk: Chunk, signal: AbortSignal) => Promise<void>
  /** Makes sure that what has arrived counts. Answers the chunks that do not, and have to be sent again. */
  settle: (signal: AbortSignal) => Promise<number[]>
}

/** Slower than this, a connection counts as dead. */
const leastBytesPerSecond = 16 * 1024

export function chunkTimeoutMs(sizeBytes: number): number {
  return 30_000 + (sizeBytes / leastBytesPerSecond) * 1000
}

/** Through the API. A chunk that is sent again carries its SHA-256: whatever broke it may do so once more. */
export function apiDoor(api: Api, platform: Pick<Platform, 'digest'>, taskId: string): Door {
  return {
    send: async ({ index, bytes, sizeBytes, attempt }, signal) => {
      const { digest } = platform
      const headers =
        attempt === 0 || digest === undefined ? {} : { 'Content-Digest': `sha-256=:${await digest(bytes)}:` }
      await api.nothing({
        method: 'PUT',
        path: `/files/upload/chunk/${taskId}/${index}`,
        bytes,
        headers,
        signal,
        attempts: 1,
        timeoutMs: chunkTimeoutMs(sizeBytes),
      })
    },
    settle: async () => [],
  }
}
