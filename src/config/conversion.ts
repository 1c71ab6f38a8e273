import { z } from 'zod'
import { mebibyte, type Read, whole } from './values.ts'

/** Limits of a conversion, which runs in processes of its own. */
export type ConversionConfig = {
  /** For one file. */
  timeoutMs: number
  /** For each of its processes. */
  memoryBytes: number
  /** For a file and what it becomes, while it is converted. */
  diskBytes: number
  /** Of an image before and after, all frames of one that moves; and of a frame of a video. */
  maxPixels: number
  /** Convert documents also where nothing keeps LibreOffice from the network. */
  allowUnisolated: boolean
}

export const conversionSettings = {
  CONVERSION_TIMEOUT_SECONDS: whole(1, 7 * 24 * 3600, 3600),
  CONVERSION_MEMORY_MB: whole(256, 1024 * 1024, 2048),
  CONVERSION_DISK_MB: whole(1, 1024 * 1024, 8192),
  CONVERSION_MAX_MEGAPIXELS: whole(1, 10_000, 100),
  CONVERSION_UNISOLATED: z.enum(['true', 'false'], 'must be true or false').default('false'),
}

export function conversionConfig(set: Read<typeof conversionSettings>): ConversionConfig {
  return {
    timeoutMs: set.CONVERSION_TIMEOUT_SECONDS * 1000,
    memoryBytes: set.CONVERSION_MEMORY_MB * mebibyte,
    diskBytes: set.CONVERSION_DISK_MB * mebibyte,
    maxPixels: set.CONVERSION_MAX_MEGAPIXELS * 1_000_000,
    allowUnisolated: set.CONVERSION_UNISOLATED === 'true',
  }
}
