import { createHash, randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { chooseRanges } from '../../src/uploads/challenge.ts'
import type { Answer, TestClient } from '../support/client.ts'
import { poolAdmin } from '../support/pool-admin.ts'
import { errorsOf, expectRefusal } from '../support/refusal.ts'
import { openStage, type Stage } from '../support/stage.ts'

const challenged = z.object({
  taskId: z.string(),
  chunkSize: z.number(),
  challenge: z.strictObject({
    nonce: z.string(),
    ranges: z.array(z.strictObject({ offset: z.number(), length: z.number() })),
    expiresAt: z.iso.datetime(),
  }),
})
type Challenged = z.infer<typeof challenged>

function proofOf(bytes: Buffer, { challenge: { nonce, ranges } }: Challenged): string {
  const hash = createHash('sha256').update(Buffer.from(nonce, 'hex'))
  for (const { offset, length } of ranges) hash.update(bytes.subarray(offset, offset + length))
  return hash.digest('hex')
}

describe('bytes that another account has in the pool', { timeout: 60_000 }, () => {
  let stage: Stage
  let alice: TestClient
  let bob: TestClient
  let poolId: string
  let usual: string
  const bytes = randomBytes(1_500_000)
  beforeAll(async () => {
    stage = await openStage({})
    alice = await stage.client()
    bob = await stage.client()
    const admin = await poolAdmin(alice)
    poolId = await admin.create({ policy: { instantAcrossAccounts: true } })
    usual = await admin.create({})
    await alice.upload(bytes, { poolId })
    await alice.upload(bytes, { poolId: usual })
  })
  afterAll(() => stage.close())

  const begin = async (client: TestClient, content: Buffer, fields = {}): Promise<Challenged> =>
    challenged.parse((await client.create(content, { poolId, chunkSize: 500_000, ...fields })).body)
  const prove = (client: TestClient, taskId: string, proof: string): Promise<Answer> =>
    client.call('POST', `/api/files/upload/prove/${taskId}`, { body: { proof } })

  it('become a file at once of whoever shows to have them, on the same object, counted and without staging', async () => {
    const before = await bob.call('GET', '/api/usage')
    const created = await begin(bob, bytes, { fileName: 'bobs.bin' })
    await bob.putChunk(created.taskId, 1, bytes.subarray(500_000, 1_000_000))
    const answer = await prove(bob, created.taskId, proofOf(bytes, created))
    expect(answer.body).toMatchObject({ fileExists: true, file: { name: 'bobs.bin', size: bytes.length } })
    const file = z.object({ id: z.string() }).parse(answer.body['file'])
    expect((await bob.download(file.id)).equals(bytes)).toBe(true)
    const [sharing] = await stage.sql<[{ objects: number; files: number }]>`
      select count(distinct object_id)::int as objects, count(*)::int as files from files join objects o on o.id = object_id
      where o.pool_id = ${poolId}`
    expect(sharing).toEqual({ objects: 1, files: 2 })
    const [rest] = await stage.sql`select sink_open from uploads where task_id = ${created.taskId}`
    expect(rest).toEqual({ sinkOpen: false })
    const usage = await bob.call('GET', '/api/usage')
    expect(usage.body).toMatchObject({
      usedBytes: Number(before.body['usedBytes']) + bytes.length,
      reservedBytes: before.body['reservedBytes'],
    })
    const events = await bob.call('GET', `/api/tasks/${created.taskId}/events`)
    expect(JSON.stringify(events.body)).toContain('upload.completed')
    // Whoever did not hear the answer asks again, and completes as if he had sent the chunks.
    expect((await prove(bob, created.taskId, '0'.repeat(64))).body).toEqual(answer.body)
    expect((await bob.complete(created.taskId)).body['id']).toBe(file.id)
  })

  it('become one file when the proof comes several times at once, and each of those who sent it is told', async () => {
    const carol = await stage.client()
    const created = await begin(carol, bytes)
    const proof = proofOf(bytes, created)
    const answers = await Promise.all(Array.from({ length: 6 }, () => prove(carol, created.taskId, proof)))
    expect(answers[0]?.body).toMatchObject({ fileExists: true, file: { size: bytes.length } })
    for (const { status, body } of answers) expect({ status, body }).toEqual({ status: 200, body: answers[0]?.body })
    expect((await carol.call('GET', '/api/files')).headers.get('x-total')).toBe('1')
    const usage = await carol.call('GET', '/api/usage')
    expect(usage.body).toMatchObject({ usedBytes: bytes.length, reservedBytes: 0 })
  })

  it('take one try: of several wrong proofs at once one is looked at', async () => {
    const carol = await stage.client()
    const created = await begin(carol, bytes)
    const tries = Array.from({ length: 6 }, (_, nth) => prove(carol, created.taskId, `0${nth}`.repeat(32)))
    const codes = (await Promise.all(tries)).map(
      ({ status, body }) => `${status} ${String(body['code'] ?? body['fileExists'])}`,
    )
    expect(codes.sort()).toEqual(['200 false', ...Array<string>(5).fill('410 CHALLENGE_GONE')])
  })

  it('stay for the one when the other deletes his file', async () => {
    const carol = await stage.client()
    const mine = randomBytes(10)
    const { file } = await alice.upload(mine, { poolId })
    const created = await begin(carol, mine)
    const answer = await prove(carol, created.taskId, proofOf(mine, created))
    const own = z.object({ id: z.string() }).parse(answer.body['file'])
    await alice.call('DELETE', `/api/files/${file['id']}`)
    await alice.call('DELETE', `/api/files/${file['id']}?permanent=true`)
    expect(await carol.download(own.id)).toEqual(mine)
  })

  it('are given to nobody for a hash: a wrong proof ends the challenge, says nothing, and the chunks can be sent', async () => {
    const carol = await stage.client()
    const known = await begin(carol, bytes)
    const unknown = await begin(carol, randomBytes(bytes.length))
    expect(known.challenge.ranges.length).toBe(unknown.challenge.ranges.length)
    const answers = [
      await prove(carol, known.taskId, 'ab'.repeat(32)),
      await prove(carol, unknown.taskId, 'ab'.repeat(32)),
    ]
    expect(answers.map(({ status, body }) => ({ status, body }))).toEqual([
      { status: 200, body: { fileExists: false } },
      { status: 200, body: { fileExists: false } },
    ])
    expectRefusal(await prove(carol, known.taskId, proofOf(bytes, known)), 410, 'CHALLENGE_GONE')
    const file = await carol.send(bytes, known)
    expect((await carol.download(file['id'])).equals(bytes)).toBe(true)
  })

  it('are not asked for where the pool does not share them, nor for what is encrypted on its way in', async () => {
    const carol = await stage.client()
    const { body } = await carol.create(bytes, { poolId: usual })
    expect(body).not.toHaveProperty('challenge')
    expectRefusal(await prove(carol, String(body['taskId']), '0'.repeat(64)), 410, 'CHALLENGE_GONE')
    const sealed = await carol.create(bytes, { poolId, encryptPassword: 'a long password' })
    expect(sealed.body).not.toHaveProperty('challenge')
  })

  it('are not given once the time is over, the upload has ended, or the pool has changed its mind', async () => {
    const carol = await stage.client()
    const late = await begin(carol, bytes)
    await stage.sql`update upload_challenges set expires_at = now() where task_id = ${late.taskId}`
    expectRefusal(await prove(carol, late.taskId, proofOf(bytes, late)), 410, 'CHALLENGE_GONE')
    const ended = await begin(carol, bytes)
    await carol.call('DELETE', `/api/files/upload/task/${ended.taskId}`)
    expectRefusal(await prove(carol, ended.taskId, proofOf(bytes, ended)), 410, 'UPLOAD_ENDED')
    const admin = await poolAdmin(alice)
    const open = await begin(carol, bytes)
    await admin.call('PATCH', `/${poolId}`, { policy: { instantAcrossAccounts: null } })
    expect((await prove(carol, open.taskId, proofOf(bytes, open))).body).toEqual({ fileExists: false })
    await admin.call('PATCH', `/${poolId}`, { policy: { instantAcrossAccounts: true } })
  })

  it('are asked for again with the same Idempotency-Key, as long as nobody has answered', async () => {
    const carol = await stage.client()
    const body = {
      fileName: 'a',
      fileSize: bytes.length,
      contentType: 'text/plain',
      hash: createHash('sha256').update(bytes).digest('hex'),
      poolId,
    }
    const headers = { 'idempotency-key': 'k-1' }
    const create = () => carol.call('POST', '/api/files/upload/create', { body, headers })
    const first = challenged.parse((await create()).body)
    expect((await create()).body).toEqual((await create()).body)
    expect(challenged.parse((await create()).body)).toEqual(first)
    await prove(carol, first.taskId, '0'.repeat(64))
    expect((await create()).body).not.toHaveProperty('challenge')
  })

  it('are nobody else’s to prove, and a proof that is none is refused by its field', async () => {
    const created = await begin(await stage.client(), bytes)
    expectRefusal(await prove(bob, created.taskId, proofOf(bytes, created)), 404, 'TASK_NOT_FOUND')
    expect(errorsOf(await prove(bob, created.taskId, 'x'))).toEqual([
      { field: 'proof', message: expect.stringContaining('64 hexadecimal digits') },
    ])
  })
})

describe('the stretches that are asked for', () => {
  it('are all of a small file, and 64 that lie apart within a large one, others each time', () => {
    expect(chooseRanges(5)).toEqual([{ offset: 0, length: 5 }])
    for (const sizeBytes of [64 * 4096 + 1, 1_500_000, 2 ** 50]) {
      const ranges = chooseRanges(sizeBytes)
      expect(ranges.length).toBe(64)
      let endBytes = 0
      for (const { offset, length } of ranges) {
        expect(offset).toBeGreaterThanOrEqual(endBytes)
        endBytes = offset + length
      }
      expect(endBytes).toBeLessThanOrEqual(sizeBytes)
    }
    expect(chooseRanges(1_500_000)).not.toEqual(chooseRanges(1_500_000))
  })
})
