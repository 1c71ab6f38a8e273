import { beforeAll } from 'vitest'
import { s3StorageAt } from '../support/s3-pool.ts'
import { describeWithS3, openS3Place, type S3Place } from '../support/s3-store.ts'
import { storageContract } from '../support/storage-contract.ts'

describeWithS3('an S3 bucket', () => {
  let place: S3Place
  beforeAll(async () => {
    place = await openS3Place()
  })

  storageContract('an S3 pool', async () => s3StorageAt(place, { prefix: `${place.prefix}a/b/` }))
})
