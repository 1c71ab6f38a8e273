import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type OwnCeph, startCephGateway } from '../../scripts/stack/ceph-gateway.ts'
import { unpackedRelease } from '../../scripts/stack/ceph-release.ts'
import { unpackPackages } from '../../scripts/stack/debian-packages.ts'
import { packageRoot } from '../../src/package-root.ts'
import { s3StorageAt } from '../support/s3-pool.ts'
import { openS3Place, type S3Place } from '../support/s3-store.ts'
import { storageContract } from '../support/storage-contract.ts'

const wanted = {
  suite: 'sid',
  packages: ['radosgw', 'ceph-mon', 'ceph-osd', 'ceph-common'],
  folder: join(packageRoot(), 'node_modules', '.cache', 'longshore', 'ceph-sid'),
}

describe('a current Ceph', () => {
  let ceph: OwnCeph
  let place: S3Place
  beforeAll(async () => {
    const signal = AbortSignal.timeout(240_000)
    ceph = await startCephGateway({ release: unpackedRelease(await unpackPackages({ ...wanted, signal })) })
    place = await openS3Place(ceph)
  })
  afterAll(() => ceph?.stop())

  it('is of version 20 or newer', () => {
    expect(Number(/ (\d+)\./.exec(ceph.name)?.[1])).toBeGreaterThanOrEqual(20)
  })

  describe.each(['WHEN_REQUIRED', 'WHEN_SUPPORTED'])('with checksums %s', (checksums) => {
    storageContract('an S3 pool', async () => s3StorageAt(place, { checksums }))
  })
})
