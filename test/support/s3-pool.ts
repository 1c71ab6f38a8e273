import { openS3Storage } from '../../src/storage/s3.ts'
import { s3Settings } from '../../src/storage/s3-settings.ts'
import type { StorageFixture } from './sample-upload.ts'
import type { S3Place } from './s3-store.ts'

/** The variables that pools of tests name for their credentials. */
const variables = { accessKeyId: 'S3_POOL_ACCESS_KEY_ID', secretAccessKey: 'S3_POOL_SECRET_ACCESS_KEY' }

/** A pool's settings for a place in a store, as the ledger holds them, and the environment that they refer to. */
export function s3PoolAt(place: S3Place, more: Record<string, unknown> = {}) {
  return {
    settings: {
      endpoint: place.endpoint,
      region: place.region,
      bucket: place.bucket,
      prefix: place.prefix,
      pathStyle: place.forcePathStyle,
      credentials: variables,
      checksums: 'WHEN_REQUIRED',
      ...more,
    },
    env: { [variables.accessKeyId]: place.accessKeyId, [variables.secretAccessKey]: place.secretAccessKey },
  }
}

/** A storage in an empty place of a store. */
export function s3StorageAt(place: S3Place, more: Record<string, unknown> = {}): StorageFixture {
  const { settings, env } = s3PoolAt(place, more)
  return {
    storage: openS3Storage(s3Settings.parse(settings), (name) => env[name]),
    countLeftovers: async () => (await place.listKeys()).length + (await place.listUploads()).length,
    dispose: () => place.clear(),
  }
}
