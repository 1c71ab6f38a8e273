import { createECDH, randomBytes, randomUUID } from 'node:crypto'
import { type TestClient, sha256 } from './client.ts'

/** Settings with which an account can have one of everything. */
export const allThings = {
  PUSH_VAPID_PRIVATE_KEY: Buffer.alloc(32, 'a key').toString('base64'),
  PUSH_VAPID_SUBJECT: 'mailto:a@example.com',
  NOTIFY_ALLOWED_HOSTS: 'localhost:99',
}

/** Makes an account one of everything that a path can name. Answers their ids by the names of the variables. */
export async function makeThings(owner: TestClient): Promise<Record<string, string>> {
  const make = async (path: string, body: Record<string, unknown> | undefined, id: string): Promise<string> => {
    const answer = await owner.call('POST', `/api${path}`, { body })
    if (answer.status >= 300) throw new Error(`${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`)
    return String(answer.body[id])
  }
  const ecdh = createECDH('prime256v1')
  const keys = { p256dh: ecdh.generateKeys('base64url'), auth: randomBytes(16).toString('base64url') }
  const bytes = Buffer.from(`somebody else’s ${randomUUID()}`)
  const plan = { fileName: 'f', fileSize: bytes.length, contentType: 'text/plain', hash: sha256(bytes) }
  const { file } = await owner.upload(bytes, plan)
  const task = { type: 'FileMove', parameters: { fileIds: [file['id']], targetPoolId: file['poolId'] } }
  const upload = { ...plan, fileSize: 99, hash: sha256(randomBytes(9)) }
  const uploadId = await make('/files/upload/create', upload, 'taskId')
  const webhookId = await make('/webhooks', { url: 'http://localhost:99/' }, 'webhookId')
  return {
    fileId: String(file['id']),
    poolId: String(file['poolId']),
    taskId: uploadId,
    bundleId: await make('/bundles', { name: 'b' }, 'id'),
    scheduleId: await make('/schedules', { intervalSeconds: 3600, task }, 'scheduleId'),
    webhookId,
    tokenId: await make('/tokens', { taskId: uploadId }, 'id'),
    deliveryId: await make(`/webhooks/${webhookId}/test`, undefined, 'deliveryId'),
    subscriptionId: await make('/push/subscriptions', { endpoint: 'http://localhost:99/p', keys }, 'subscriptionId'),
    accountId: owner.account,
    band: 'low',
    chunkIndex: '0',
    slug: 'nothing-is-shared-here',
  }
}
