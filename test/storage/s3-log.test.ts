import { beforeAll, expect, it } from 'vitest'
import { openLog } from '../../src/log.ts'
import { openS3Storage } from '../../src/storage/s3.ts'
import { s3Settings } from '../../src/storage/s3-settings.ts'
import { type Canned, type CannedStore, errorBody, startCannedStore } from '../support/canned-store.ts'

let store: CannedStore
beforeAll(async () => {
  store = await startCannedStore()
})

const kept = { S3_KEY: 'an-access-key', S3_SECRET: 'a-secret-key', S3_TOKEN: 'a-session-token' }
/** As S3 has it: it tells what it signed itself, with every header field of ours. */
const mismatch = errorBody('SignatureDoesNotMatch', 'The signature we calculated does not match.').replace(
  '</Error>',
  `<AWSAccessKeyId>${kept.S3_KEY}</AWSAccessKeyId><SignatureProvided>c0ffee</SignatureProvided>` +
    `<CanonicalRequest>POST x-amz-security-token:${kept.S3_TOKEN}</CanonicalRequest></Error>`,
)

it.each<[string, Canned]>([
  ['refuses what it signed otherwise', { status: 403, body: mismatch }],
  ['fails', { status: 500, body: errorBody('InternalError', 'We encountered an error.') }],
  ['answers what nobody can read', { status: 200, body: 'sorry' }],
])('no log has what a request to a store was signed with when the store %s', async (_how, answer) => {
  store.reset()
  store.refuse('begin', answer)
  const credentials = { accessKeyId: 'S3_KEY', secretAccessKey: 'S3_SECRET', sessionToken: 'S3_TOKEN' }
  const settings = s3Settings.parse({ endpoint: store.endpoint, bucket: 'bucket', credentials })
  const storage = openS3Storage(settings, (name) => Object.entries(kept).find(([one]) => one === name)?.[1])
  const failure: unknown = await storage.probe().catch((error: unknown) => error)
  let lines = ''
  const log = openLog('test', { base: 'info', scopes: {} }, { write: (line) => void (lines += line) })
  log.root.warn({ err: failure }, 'refused')
  expect(lines).toContain('STORAGE_UNAVAILABLE')
  for (const secret of [...Object.values(kept), 'c0ffee', 'AWS4-HMAC-SHA256']) expect(lines).not.toContain(secret)
})
