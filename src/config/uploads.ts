import { mebibyte, type Read, whole } from './values.ts'

export type UploadsConfig = {
  defaultChunkSizeBytes: number
  maxChunkSizeBytes: number
  maxFileSizeBytes: number
  /** Uploads that have not ended. */
  openPerAccount: number
  /** Upload tokens that have not expired. */
  tokensPerAccount: number
  staleThresholdMs: number
  cleanupIntervalMs: number
  cacheDurationMs: number
  /** A chunk's body that is slower than this on the whole is ended, lest it hold the chunk and a connection for good. */
  minBytesPerSecond: number
  /** A slow start is forgiven: only after this long the pace of a body is looked at. */
  paceAfterMs: number
  /** A body of which so long no byte came is ended. */
  stalledAfterMs: number
}

export const uploadSettings = {
  UPLOAD_DEFAULT_CHUNK_SIZE: whole(1, 2 ** 31 - 1, 5 * mebibyte),
  UPLOAD_MAX_CHUNK_SIZE: whole(1, 2 ** 31 - 1, 16 * mebibyte),
  UPLOAD_MAX_FILE_SIZE: whole(1, 10_000 * (2 ** 31 - 2 ** 16), 2 ** 40),
  OPEN_UPLOADS_PER_ACCOUNT: whole(0, 1_000_000_000, 10_000),
  UPLOAD_TOKENS_PER_ACCOUNT: whole(0, 1_000_000, 1000),
  UPLOAD_STALE_THRESHOLD_HOURS: whole(1, 24 * 365, 24),
  UPLOAD_CLEANUP_INTERVAL_MINUTES: whole(1, 24 * 60, 60),
  UPLOAD_CACHE_DURATION_MINUTES: whole(0, 24 * 60, 30),
  UPLOAD_MIN_BYTES_PER_SECOND: whole(0, 2 ** 31 - 1, 1024),
  UPLOAD_SLOW_START_SECONDS: whole(1, 3600, 30),
  UPLOAD_STALL_TIMEOUT_SECONDS: whole(1, 3600, 10),
}

export function uploadsConfig(set: Read<typeof uploadSettings>): UploadsConfig {
  return {
    defaultChunkSizeBytes: set.UPLOAD_DEFAULT_CHUNK_SIZE,
    maxChunkSizeBytes: set.UPLOAD_MAX_CHUNK_SIZE,
    maxFileSizeBytes: set.UPLOAD_MAX_FILE_SIZE,
    openPerAccount: set.OPEN_UPLOADS_PER_ACCOUNT,
    tokensPerAccount: set.UPLOAD_TOKENS_PER_ACCOUNT,
    staleThresholdMs: set.UPLOAD_STALE_THRESHOLD_HOURS * 3_600_000,
    cleanupIntervalMs: set.UPLOAD_CLEANUP_INTERVAL_MINUTES * 60_000,
    cacheDurationMs: set.UPLOAD_CACHE_DURATION_MINUTES * 60_000,
    minBytesPerSecond: set.UPLOAD_MIN_BYTES_PER_SECOND,
    paceAfterMs: set.UPLOAD_SLOW_START_SECONDS * 1000,
    stalledAfterMs: set.UPLOAD_STALL_TIMEOUT_SECONDS * 1000,
  }
}

/** What is wrong with settings that are each right by themselves. */
export function uploadContradictions(set: Read<typeof uploadSettings>): string[] {
  if (set.UPLOAD_DEFAULT_CHUNK_SIZE <= set.UPLOAD_MAX_CHUNK_SIZE) return []
  return ['UPLOAD_DEFAULT_CHUNK_SIZE: must not be larger than UPLOAD_MAX_CHUNK_SIZE']
}
