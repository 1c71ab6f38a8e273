import { createHash, randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { expectRefusal } from '../support/refusal.ts'
import { openStage, type Stage } from '../support/stage.ts'

let stage: Stage
beforeAll(async () => {
  stage = await openStage({ workers: 0 })
})
afterAll(() => stage.close())

const bytes = randomBytes(50_000)
const form = Buffer.concat([
  Buffer.from('--b\r\nContent-Disposition: form-data; name="chunk"; filename="f"\r\n\r\n'),
  bytes,
  Buffer.from('\r\n--b--\r\n'),
])
const digestOf = (what: Buffer) => `sha-256=:${createHash('sha256').update(what).digest('base64')}:`

it('holds a form against the digest of the whole form', async () => {
  const client = await stage.client()
  const { body } = await client.create(bytes)
  const send = (digest: string) =>
    client.call('POST', `/api/files/upload/chunk/${body['taskId']}/0`, {
      body: form,
      headers: { 'content-type': 'multipart/form-data; boundary=b', 'content-digest': digest },
    })
  // What the file alone would have is not what the header speaks of; and nothing of a refused form counts.
  expectRefusal(await send(digestOf(bytes)), 400, 'DIGEST_MISMATCH')
  expect(await send(digestOf(form))).toMatchObject({ status: 200 })
})
