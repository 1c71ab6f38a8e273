import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Certificate, makeCertificate } from '../support/certificate.ts'
import type { TestClient } from '../support/client.ts'
import { type Receiver, startReceiver } from '../support/receiver.ts'
import { openStage, type Stage } from '../support/stage.ts'
import { signaturesBy, webhooksOf } from '../support/webhooks.ts'

describe('webhooks over HTTPS', () => {
  let known: Certificate
  let unknown: Certificate
  let stage: Stage
  let client: TestClient
  beforeAll(async () => {
    known = await makeCertificate('DNS:localhost')
    unknown = await makeCertificate('DNS:localhost')
    const env = { NOTIFY_ALLOWED_HOSTS: 'localhost,127.0.0.1', NODE_EXTRA_CA_CERTS: known.path }
    stage = await openStage({ env })
    client = await stage.client()
  })
  afterAll(async () => {
    await stage.close()
    await Promise.all([known.remove(), unknown.remove()])
  })

  /** What came of a test of a webhook that leads to a receiver with this certificate. */
  const tested = async (certificate: Certificate, host: string) => {
    const hooks = webhooksOf(client)
    const receiver: Receiver = await startReceiver('127.0.0.1', certificate)
    const { id, secret } = await hooks.create({ url: `https://${host}:${receiver.port}/hook`, events: ['task.failed'] })
    await hooks.test(id)
    const { lastAttempt } = await hooks.untilDelivery(id, (one) => one['lastAttempt'] !== null)
    await hooks.remove(id)
    await receiver.close()
    return { lastAttempt, received: receiver.received, secret }
  }

  it('are sent to whom a certificate vouches for that the operator trusts (NODE_EXTRA_CA_CERTS)', async () => {
    const { lastAttempt, received, secret } = await tested(known, 'localhost')
    expect(lastAttempt).toMatchObject({ status: 204, error: null })
    expect(received).toMatchObject([{ path: '/hook', headers: { 'content-type': 'application/json' } }])
    for (const one of received) expect(signaturesBy(one, secret)).toBe(1)
  })

  it('are not sent where nobody who is trusted vouches for it, nor under another name than the certificate has', async () => {
    const stranger = await tested(unknown, 'localhost')
    expect(stranger.lastAttempt).toMatchObject({ status: null, error: 'TLS_FAILED' })
    const misnamed = await tested(known, '127.0.0.1')
    expect(misnamed.lastAttempt).toMatchObject({ status: null, error: 'TLS_FAILED' })
    expect([...stranger.received, ...misnamed.received]).toEqual([])
  })
})
