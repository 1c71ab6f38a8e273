import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { unpackPackages } from '../../scripts/stack/debian-packages.ts'
import type { OwnObjectStore } from '../../scripts/stack/object-store.ts'
import { startSwift, swiftPackages } from '../../scripts/stack/swift-store.ts'
import { packageRoot } from '../../src/package-root.ts'
import { s3StorageAt } from '../support/s3-pool.ts'
import { openS3Place, type S3Place } from '../support/s3-store.ts'
import { storageContract } from '../support/storage-contract.ts'

const wanted = {
  suite: 'trixie',
  packages: swiftPackages,
  folder: join(packageRoot(), 'node_modules', '.cache', 'longshore', 'swift-trixie'),
}

describe('OpenStack Swift', () => {
  let swift: OwnObjectStore
  let place: S3Place
  beforeAll(async () => {
    swift = await startSwift(await unpackPackages({ ...wanted, signal: AbortSignal.timeout(240_000) }))
    place = await openS3Place(swift)
  })
  afterAll(() => swift?.stop())

  it('is of version 2.35 or newer', () => {
    expect(Number(/ 2\.(\d+)/.exec(swift.name)?.[1])).toBeGreaterThanOrEqual(35)
  })

  describe.each(['WHEN_REQUIRED', 'WHEN_SUPPORTED'])('with checksums %s', (checksums) => {
    // A part of an upload that was completed replaces what its object is made of. Whoever sends it knows the upload's id.
    storageContract('an S3 pool', async () => s3StorageAt(place, { checksums }), { takesLateChunks: true })
  })
})
