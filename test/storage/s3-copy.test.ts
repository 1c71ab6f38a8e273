import { randomBytes, randomUUID } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import { beforeAll, beforeEach, expect, it } from 'vitest'
import { copyObject } from '../../src/storage/s3-copy.ts'
import { connectS3, type S3Pool } from '../../src/storage/s3-pool.ts'
import { readObject } from '../../src/storage/s3-reader.ts'
import { s3Settings } from '../../src/storage/s3-settings.ts'
import { putObject } from '../../src/storage/s3-part.ts'
import { type FaultyStore, startFaultyStore } from '../support/faulty-store.ts'
import { never } from '../support/sample-upload.ts'
import { s3PoolAt } from '../support/s3-pool.ts'
import { describeWithS3, openS3Place, type S3Place } from '../support/s3-store.ts'

const mebibyte = 1024 * 1024
/** As S3 has them, a thousand times smaller. */
const limits = { wholeBytes: 6 * mebibyte, partBytes: 5 * mebibyte }

describeWithS3('a copy within an S3 store', () => {
  let place: S3Place
  let faulty: FaultyStore
  let pool: S3Pool
  beforeAll(async () => {
    place = await openS3Place()
    faulty = await startFaultyStore(place.endpoint)
    const { settings, env } = s3PoolAt({ ...place, endpoint: faulty.endpoint })
    pool = connectS3(s3Settings.parse(settings), (name) => env[name])
  })
  beforeEach(() => place.clear())

  it.each([
    ['one request', 'what one request copies', 6 * mebibyte, ['PUT copy']],
    ['parts', 'a byte more', 6 * mebibyte + 1, ['POST', 'PUT part', 'PUT part', 'POST']],
    ['parts', 'as much as whole parts are', 10 * mebibyte, ['POST', 'PUT part', 'PUT part', 'POST']],
  ])('is made by %s when it is of %s, without its bytes coming here', async (_how, _what, sizeBytes, expected) => {
    const bytes = randomBytes(sizeBytes)
    const key = `${place.prefix}source`
    await putObject(pool, key, bytes)
    faulty.takeRequests()
    const source = { kind: 's3', store: pool.store, bucket: place.bucket, key, sizeBytes } as const
    const name = { id: randomUUID(), epoch: 1 }
    const copy = await copyObject(pool, name, source, never, limits)
    expect(
      faulty
        .takeRequests()
        .map(wordFor)
        .filter((word) => word !== 'HEAD')
        .sort(),
    ).toEqual([...expected].sort())
    expect(copy).toBeDefined()
    const stream = await readObject(pool, pool.layout.of(name), { startBytes: 0, lengthBytes: sizeBytes })
    expect(stream && (await buffer(stream)).equals(bytes)).toBe(true)
    expect(await place.listUploads()).toEqual([])
  })

  it('of what is not there is none, and leaves nothing', async () => {
    const sizeBytes = 20 * mebibyte
    const source = { kind: 's3', store: pool.store, bucket: place.bucket, key: 'nothing', sizeBytes } as const
    expect(await copyObject(pool, { id: randomUUID(), epoch: 1 }, source, never, limits)).toBeUndefined()
    expect([await place.listKeys(), await place.listUploads()]).toEqual([[], []])
  })
})

function wordFor(request: string): string {
  const [method = ''] = request.split(' ')
  if (method !== 'PUT') return method
  return request.includes('partNumber=') ? 'PUT part' : 'PUT copy'
}
