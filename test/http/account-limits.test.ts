import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { io } from 'socket.io-client'
import { openPlain, type PlainClient, signInPlain } from '../support/plain-socket.ts'
import { expectRefusal } from '../support/refusal.ts'
import { openStage, type Stage } from '../support/stage.ts'

const env = {
  REALTIME_MESSAGES_PER_SECOND: '5',
  REALTIME_MAX_MESSAGE_BYTES: '2000',
  REALTIME_SIGN_IN_TIMEOUT_SECONDS: '1',
  REALTIME_ROOMS_PER_CONNECTION: '2',
  PASSCODE_TRIES_PER_ADDRESS: '2',
  PASSCODE_TRIES_PER_BUNDLE: '3',
  NOTIFY_TESTS_PER_MINUTE: '2',
  NOTIFY_ALLOWED_HOSTS: '127.0.0.1',
  UPLOAD_TOKENS_PER_ACCOUNT: '2',
  SECRETS_KEYS: randomBytes(32).toString('base64'),
  TRUST_PROXY: '1',
}

let stage: Stage
beforeAll(async () => {
  stage = await openStage({ workers: 0, env })
})
afterAll(() => stage.close())

async function join(): Promise<PlainClient> {
  const { url, token } = await stage.client()
  return signInPlain(url, token, [])
}

it('a connection may send the messages a second that are set', async () => {
  const client = await join()
  // Its token was the first of five.
  for (let count = 0; count < 4; count += 1) client.send({ type: 'ping' })
  const pongs = () => client.packets.filter(({ type }) => type === 'pong')
  await vi.waitFor(() => expect(pongs()).toHaveLength(4), { timeout: 10_000, interval: 10 })
  for (let count = 0; count < 100; count += 1) client.send({ type: 'ping' })
  expect(await client.closed).toMatchObject({ code: 4429 })
})

it('a connection of Socket.IO as well', async () => {
  const { url, token } = await stage.client()
  const socket = io(url, { auth: { token, rooms: [] }, transports: ['websocket'], reconnection: false })
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('connect_error', reject)
  })
  const reason = new Promise<string>((resolve) => socket.once('disconnect', resolve))
  for (let count = 0; count < 100; count += 1) socket.emit('noise')
  expect(await reason).toBe('io server disconnect')
})

it('a message may be as long as is set', async () => {
  const client = await join()
  client.send({ type: 'ping', data: 'x'.repeat(1900) })
  await client.until('pong')
  client.send({ type: 'ping', data: 'x'.repeat(2000) })
  expect(await client.closed).toMatchObject({ code: 1009 })
})

it('who brings no token for as long as is set is sent away', async () => {
  const { url } = await stage.client()
  const client = await openPlain(url)
  expect(await client.closed).toEqual({ code: 4401, reason: 'UNAUTHENTICATED' })
  expect(client.packets).toMatchObject([{ type: 'closing', data: { message: 'No token came within 1 s.' } }])
})

it('a connection may be in as many rooms as are set', async () => {
  const owner = await stage.client()
  const client = await signInPlain(owner.url, owner.token, [])
  const tasks = await Promise.all(
    [1, 2, 3].map(async () => (await owner.create(randomBytes(10), { chunkSize: 10 })).body['taskId']),
  )
  for (const [id, task] of tasks.entries()) {
    client.send({ type: 'subscribe', id, data: { room: `task:${String(task)}`, snapshot: false } })
  }
  await vi.waitFor(() => expect(client.packets).toHaveLength(4), { timeout: 10_000, interval: 10 })
  expect(client.packets[3]).toMatchObject({ id: 2, data: { code: 'VALIDATION_FAILED', details: { maxRooms: 2 } } })
})

it('a passcode may be tried as often as is set, by an address and by all', async () => {
  const client = await stage.client()
  const body = { name: 'b', shared: true, passcode: 'the right one' }
  const slug = String((await client.call('POST', '/api/bundles', { body })).body['slug'])
  const tryFrom = (address: string) =>
    client.call('POST', `/api/shared/${slug}/access`, {
      body: { passcode: 'a wrong one' },
      headers: { authorization: '', 'x-forwarded-for': address },
    })
  const wrong = [await tryFrom('192.0.2.1'), await tryFrom('192.0.2.1')]
  for (const answer of wrong) expectRefusal(answer, 403, 'PASSCODE_WRONG')
  expectRefusal(await tryFrom('192.0.2.1'), 429, 'TOO_MANY_ATTEMPTS')
  expectRefusal(await tryFrom('192.0.2.2'), 403, 'PASSCODE_WRONG')
  expectRefusal(await tryFrom('192.0.2.3'), 429, 'TOO_MANY_ATTEMPTS')
})

it('an account may send as many tests a minute as are set', async () => {
  const client = await stage.client()
  const made = await client.call('POST', '/api/webhooks', { body: { url: 'http://127.0.0.1:9/' } })
  const test = () => client.call('POST', `/api/webhooks/${String(made.body['webhookId'])}/test`)
  expect([(await test()).status, (await test()).status]).toEqual([202, 202])
  expectRefusal(await test(), 429, 'TOO_MANY_ATTEMPTS')
})

it('an account may have as many upload tokens as are set', async () => {
  const client = await stage.client()
  const bundleId = (await client.call('POST', '/api/bundles', { body: { name: 'b' } })).body['id']
  const mint = () => client.call('POST', '/api/tokens', { body: { bundleId, maxBytes: 1 } })
  expect([(await mint()).status, (await mint()).status]).toEqual([201, 201])
  const refused = await mint()
  expectRefusal(refused, 409, 'TOKEN_LIMIT')
  expect(refused.body['details']).toEqual({ limit: 2 })
})
