import { mkdtemp, rm } from 'node:fs/promises'
import { randomUUID } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { addPool, openPools, type Pools } from '../../src/files/pools.ts'
import { unlimitedBytes } from '../../src/db/usage.ts'
import { type Ledger, openLedger } from '../support/ledger.ts'
import { s3PoolAt } from '../support/s3-pool.ts'
import { describeWithS3, openS3Place, type S3Place } from '../support/s3-store.ts'
import { until } from '../support/system.ts'

const defaultPoolId = randomUUID()

let ledger: Ledger
let dataDir: string
let lines: Record<string, unknown>[]
beforeAll(async () => {
  ledger = await openLedger()
  dataDir = await mkdtemp(join(tmpdir(), 'longshore-pools-'))
})
afterAll(async () => {
  await ledger.close()
  await rm(dataDir, { recursive: true })
})
beforeEach(async () => {
  lines = []
  await ledger.sql`delete from pools`
})

function open(declared: Parameters<typeof addPool>[1][] = [], env: Record<string, string> = {}): Promise<Pools> {
  const log = pino({ level: 'info' }, { write: (line) => void lines.push(JSON.parse(line)) })
  const readVariable = (name: string): string | undefined => env[name]
  return openPools(
    ledger.sql,
    {
      defaultPoolId,
      quota: { defaultLimitBytes: unlimitedBytes },
      declared,
      dataDir,
      uploadsPath: undefined,
      readVariable,
    },
    log,
  )
}

describe('pools', () => {
  const pool = (over = {}) => ({ id: randomUUID(), name: 'a pool', kind: 'local', settings: { path: 'here' }, ...over })

  it('are taken from the declaration, once, and changed to what it says later', async () => {
    const declared = pool()
    await open([declared])
    await open([{ ...declared, name: 'renamed', settings: { path: 'there' } }])
    expect(await ledger.sql`select name, settings from pools where id = ${declared.id}`).toEqual([
      { name: 'renamed', settings: { path: 'there' } },
    ])
    expect(await ledger.sql`select 1 from pools`).toHaveLength(2)
  })

  it('do not change their kind', async () => {
    await open()
    const settings = { bucket: 'bucket' }
    await expect(open([pool({ id: defaultPoolId, kind: 's3', settings })])).rejects.toMatchObject({ code: 'POOL_KIND' })
  })

  it.each([
    [{ kind: 'tape' }, [{ field: 'kind', message: 'must be one of local, s3' }]],
    [{ settings: {} }, [{ field: 'settings.path' }]],
    [{ kind: 's3', settings: { bucket: 'b!' } }, [{ field: 'settings.bucket' }]],
    [{ kind: 's3', settings: { bucket: 'bucket', prefix: 'no-slash' } }, [{ field: 'settings.prefix' }]],
    [{ kind: 's3', settings: { bucket: 'bucket', prefix: '/' } }, [{ field: 'settings.prefix' }]],
    [{ kind: 's3', settings: { bucket: 'bucket', endpoint: 'ftp://x' } }, [{ field: 'settings.endpoint' }]],
    [{ kind: 's3', settings: { bucket: 'bucket', kmsKeyId: 'key' } }, [{ field: 'settings.kmsKeyId' }]],
    [{ kind: 's3', settings: { bucket: 'bucket', secretAccessKey: 'x' } }, [{ field: 'settings' }]],
    [
      {
        kind: 's3',
        settings: { bucket: 'bucket', credentials: { accessKeyId: 'AUTH_JWT_SECRET', secretAccessKey: 'S3_SECRET' } },
      },
      [{ field: 'settings.credentials.accessKeyId' }],
    ],
  ])('are refused with the field that is wrong: %j', async (over, errors) => {
    await expect(addPool(ledger.sql, pool(over))).rejects.toMatchObject({
      code: 'VALIDATION_FAILED',
      details: { errors: errors.map((error) => expect.objectContaining(error)) },
    })
    expect(await ledger.sql`select 1 from pools`).toHaveLength(0)
  })
})

describeWithS3('an S3 pool that cannot be used', () => {
  let place: S3Place
  beforeAll(async () => {
    place = await openS3Place()
  })

  it('works when nothing is wrong', async () => {
    const id = randomUUID()
    const { settings, env } = s3PoolAt(place)
    const pools = await open([{ id, name: 'bucket', kind: 's3', settings }], env)
    expect(await pools.check()).toContainEqual({ poolId: id, problem: null, freeBytes: null })
    expect(lines).toEqual([])
    expect(await place.listUploads()).toEqual([])
  })

  it.each([
    { what: 'the bucket is not there', more: { bucket: 'no-such-bucket' }, problem: 'BUCKET_NOT_FOUND' },
    { what: 'nobody listens', more: { endpoint: 'http://127.0.0.1:9' }, problem: 'UNREACHABLE' },
    { what: 'the secret is wrong', env: { S3_POOL_SECRET_ACCESS_KEY: 'wrong' }, problem: 'CREDENTIALS_REFUSED' },
    { what: 'the key is unknown', env: { S3_POOL_ACCESS_KEY_ID: 'unknown' }, problem: 'CREDENTIALS_REFUSED' },
    { what: 'a variable is not set', env: { S3_POOL_ACCESS_KEY_ID: '' }, problem: 'CREDENTIALS_MISSING' },
  ])('is named at start and when asked, and holds up nobody, when $what', async ({ more, env, problem }) => {
    const id = randomUUID()
    const { settings, env: right } = s3PoolAt(place, more)
    const pools = await open([{ id, name: 'bucket', kind: 's3', settings }], { ...right, ...env })
    const line = await until(async () => lines.find(({ poolId }) => poolId === id))
    expect(line).toMatchObject({ problem, msg: expect.stringContaining('the storage pool "bucket" cannot be used: ') })
    expect(await pools.check()).toContainEqual({ poolId: id, problem, freeBytes: null })
    const said = JSON.stringify(lines)
    expect(said).not.toContain(place.secretAccessKey)
    expect(said).not.toContain(place.accessKeyId)
  })
})
