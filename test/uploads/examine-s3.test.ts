import { randomUUID } from 'node:crypto'
import { AbortMultipartUploadCommand, DeleteObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { z } from 'zod'
import { openPools, type Pools } from '../../src/files/pools.ts'
import { registerJobs } from '../../src/tasks/define-job.ts'
import { noTracing } from '../../src/tracing/tracing.ts'
import { type Examination, examine } from '../../src/uploads/examine.ts'
import { uploadStopped } from '../../src/uploads/stop.ts'
import { loadConfig } from '../../src/config.ts'
import { chunksOf, type TestClient } from '../support/client.ts'
import { silent } from '../support/ledger.ts'
import { patternOf } from '../support/outcome.ts'
import { startProcess } from '../support/process.ts'
import { s3PoolAt } from '../support/s3-pool.ts'
import { describeWithS3, openS3Place, type S3Place } from '../support/s3-store.ts'
import { openStage, type Stage } from '../support/stage.ts'
import { secret } from '../support/system.ts'
import { completed, jobOf } from '../support/worker.ts'

const poolId = randomUUID()
const chunkBytes = 5 * 1024 * 1024
const bytes = patternOf(chunkBytes + 17)

describeWithS3('an examination of an S3 pool', { timeout: 60_000 }, () => {
  let place: S3Place
  let stage: Stage
  let pools: Pools
  let env: Record<string, string>
  let client: TestClient
  beforeAll(async () => {
    place = await openS3Place()
    const pool = s3PoolAt(place)
    const declared = [{ id: poolId, name: 'S3', kind: 's3', settings: pool.settings }]
    env = { STORAGE_POOLS: JSON.stringify(declared), ...pool.env }
    stage = await openStage({ env })
    const { storage } = loadConfig({ ...env, DATABASE_URL: stage.databaseUrl, AUTH_JWT_SECRET: secret })
    const { dataDir } = stage.system
    pools = await openPools(stage.sql, { ...storage, dataDir, readVariable: (name) => env[name] }, silent)
    client = await stage.client()
  })
  afterAll(() => stage.close())

  const look = ({ mends }: { mends: boolean }): Promise<Examination> => {
    const { sql } = stage
    const stopped: ReturnType<typeof jobOf>['stopped'] = (query, task) =>
      uploadStopped({ sql, pools, log: silent }, query, task)
    const registry = registerJobs([{ ...jobOf(completed), type: 'FileUpload', stopped }])
    const told = { signals: { send: () => {} }, dispatcher: { admit: () => {} }, tracing: noTracing }
    return examine({ sql, pools, log: silent, registry, sealer: undefined, ...told }, { graceMs: 0, mends })
  }
  const kinds = ({ findings }: Examination) =>
    Object.fromEntries(findings.map(({ kind, count, mended }) => [kind, [count, mended]]))

  async function begun(): Promise<string> {
    // Others than those that are a file already, which would be one at once.
    const own = Buffer.concat([bytes, Buffer.from(randomUUID())])
    const { body } = await client.create(own, { poolId })
    const [chunk = Buffer.alloc(0)] = chunksOf(own, chunkBytes)
    expect((await client.putChunk(String(body['taskId']), 0, chunk)).status).toBe(200)
    return String(body['taskId'])
  }

  const doctor = async (args: string[]) => {
    const settings = { DATABASE_URL: stage.databaseUrl, DATA_DIR: stage.system.dataDir, AUTH_JWT_SECRET: secret }
    const command = startProcess({ file: 'scripts/doctor.js', args, env: { ...env, ...settings } })
    const { code } = await command.exited
    return { code, output: command.output() }
  }

  it('agrees with what uploads made there, also with one under way, and the command says so', async () => {
    await client.upload(bytes, { poolId })
    await begun()
    expect(await look({ mends: true })).toMatchObject({ verdict: 'sound', findings: [] })
    const { code, output } = await doctor(['--json'])
    expect(code).toBe(0)
    const { pools: counts } = z.object({ pools: z.array(z.record(z.string(), z.unknown())) }).parse(jsonIn(output))
    const counted = { name: 'S3', objects: 1, storedObjects: 1, storedBytes: bytes.length }
    expect(counts).toContainEqual(expect.objectContaining(counted))
  })

  it('finds what is lost and what is left over, as objects and as multipart uploads, and mends what can be', async () => {
    const { file } = await client.upload(patternOf(1000), { poolId })
    const [lost] = await stage.sql<{ key: string }[]>`
      select key from objects join files on object_id = objects.id where files.id = ${String(file['id'])}`
    const at = { Bucket: place.bucket }
    await place.client.send(new DeleteObjectCommand({ ...at, Key: place.prefix + lost?.key }))
    const stray = `${place.prefix}objects/00/00/${randomUUID()}-3`
    await place.client.send(new PutObjectCommand({ ...at, Key: stray, Body: 'left over' }))
    const forgotten = await begun()
    await stage.sql`delete from tasks where id = ${forgotten}`
    const robbed = await begun()
    const ours = (await place.listUploads()).filter(({ key }) => key.includes(robbed))
    for (const { key, uploadId } of ours) {
      await place.client.send(new AbortMultipartUploadCommand({ ...at, Key: key, UploadId: uploadId }))
    }

    const found = await look({ mends: false })
    expect(found.verdict).toBe('findings')
    expect(kinds(found)).toEqual({
      'bytes-without-object': [1, 0],
      'object-bytes-missing': [1, 0],
      'staging-without-task': [1, 0],
      'upload-without-staging': [1, 0],
      // The row that was deleted behind the ledger's back took its reservation along.
      'usage-differs': [1, 0],
    })
    const dry = await doctor([])
    expect(dry).toEqual({ code: 1, output: expect.stringContaining(String(lost?.key)) })
    expect(await place.listKeys()).toContain(stray)

    const mended = await look({ mends: true })
    expect(kinds(mended)).toMatchObject({ 'bytes-without-object': [1, 1], 'object-bytes-missing': [1, 0] })
    expect(await place.listKeys()).not.toContain(stray)
    expect((await place.listUploads()).filter(({ key }) => key.includes(forgotten))).toEqual([])
    expect((await client.call('GET', `/api/tasks/${robbed}`)).body).toMatchObject({ status: 'Expired' })
    expect(kinds(await look({ mends: false }))).toEqual({ 'object-bytes-missing': [1, 0] })
  })
})

/** What a command said on stdout, among what it warned of. */
function jsonIn(output: string): unknown {
  return JSON.parse(/^\{[^]*^\}$/m.exec(output)?.[0] ?? '')
}
