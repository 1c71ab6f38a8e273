import { type Read, whole } from './values.ts'

export type ArchivesConfig = {
  /** What an archive may unpack to, as src/archive reads it. */
  limits: { mostEntries: number; mostBytes: number; mostRatio: number }
}

export const archiveSettings = {
  ARCHIVE_MAX_ENTRIES: whole(1, 1_000_000, 100_000),
  ARCHIVE_MAX_SIZE: whole(1, Number.MAX_SAFE_INTEGER, 2 ** 37),
  ARCHIVE_MAX_RATIO: whole(1, 1_000_000, 200),
}

export function archivesConfig(set: Read<typeof archiveSettings>): ArchivesConfig {
  return {
    limits: {
      mostEntries: set.ARCHIVE_MAX_ENTRIES,
      mostBytes: set.ARCHIVE_MAX_SIZE,
      mostRatio: set.ARCHIVE_MAX_RATIO,
    },
  }
}
