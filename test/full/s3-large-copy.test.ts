import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type OwnCeph, startCephGateway } from '../../scripts/stack/ceph-gateway.ts'
import type { Storage } from '../../src/storage/contract.ts'
import { startFaultyStore, type FaultyStore } from '../support/faulty-store.ts'
import { never } from '../support/sample-upload.ts'
import { s3StorageAt } from '../support/s3-pool.ts'
import { describeWithCeph, openS3Place } from '../support/s3-store.ts'

const mebibyte = 1024 * 1024
/** More than S3 copies in one request, and no round number. */
const sizeBytes = 5 * 1024 * mebibyte + 3 * mebibyte + 17

/** All zeros, which a disk that compresses does not keep, but for the number of each MiB. */
function piece(nth: number): Buffer {
  const bytes = Buffer.alloc(Math.max(0, Math.min(mebibyte, sizeBytes - nth * mebibyte)))
  if (bytes.length > 0) bytes.writeUInt32BE(nth + 1)
  return bytes
}

describeWithCeph('an object of more than 5 GiB in an S3 pool', () => {
  let ceph: OwnCeph
  let faulty: FaultyStore
  let storage: Storage
  beforeAll(async () => {
    // On a disk, for memory has better uses: a sparse file of which hardly anything is used.
    ceph = await startCephGateway({
      settings: {
        'osd objectstore': 'bluestore',
        'bluestore block create': 'true',
        'bluestore block size': 16 * 1024 * mebibyte,
        'bluestore compression mode': 'force',
        'bluestore compression algorithm': 'snappy',
        'osd memory target': 1024 * mebibyte,
      },
    })
    const place = await openS3Place(ceph)
    faulty = await startFaultyStore(place.endpoint)
    ;({ storage } = s3StorageAt(place, { endpoint: faulty.endpoint }))
  })
  afterAll(() => ceph?.stop())

  it('is copied by the store, in parts, byte for byte', async () => {
    const writer = await storage.createObject({ id: randomUUID(), epoch: 1 })
    for (let nth = 0; nth * mebibyte < sizeBytes; nth++) await writer.write(piece(nth))
    const { key } = await writer.publish()
    faulty.takeRequests()
    const beganAtMs = performance.now()
    const copy = await storage.copyObject({ id: randomUUID(), epoch: 1 }, storage.source(key, sizeBytes), never)
    const seconds = (performance.now() - beganAtMs) / 1000
    const asked = faulty.takeRequests()
    expect(asked.filter((one) => one.startsWith('PUT')).every((one) => one.includes('partNumber='))).toBe(true)
    expect(asked.filter((one) => one.startsWith('PUT'))).toHaveLength(6)
    console.log({ gibibytes: 5, copiedInSeconds: Math.round(seconds) })
    const range = { startBytes: 0, lengthBytes: sizeBytes }
    let [at, nth, wrong] = [0, 0, 0]
    let expected = piece(0)
    // In one pass, a MiB at a time: what differs is counted, not shown.
    for await (const read of (await storage.read(copy?.key ?? '', range)) ?? []) {
      if (!Buffer.isBuffer(read)) throw new TypeError('a stored object is read as bytes')
      for (let from = 0; from < read.length; ) {
        const length = Math.min(read.length - from, expected.length - at)
        if (read.compare(expected, at, at + length, from, from + length) !== 0) wrong++
        from += length
        at += length
        if (at === expected.length) [at, nth, expected] = [0, nth + 1, piece(nth + 1)]
      }
    }
    expect({ wrong, mebibytes: nth }).toEqual({ wrong: 0, mebibytes: Math.ceil(sizeBytes / mebibyte) })
  })
})
