import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TestClient } from '../support/client.ts'
import { knockPlainly, knockWithSocketIo } from '../support/knock.ts'
import { refusedUpgrade } from '../support/plain-socket.ts'
import { expectRefusal } from '../support/refusal.ts'
import { describeWithRedis } from '../support/redis.ts'
import { startRedisServer } from '../support/redis-server.ts'
import { openStage, type Stage } from '../support/stage.ts'

const limit = 10
const env = {
  RATE_LIMIT_ACCOUNT_PER_MINUTE: String(limit),
  RATE_LIMIT_ADDRESS_PER_MINUTE: String(limit),
  RATE_LIMIT_SHARE_PER_MINUTE: String(limit),
}

const read = (client: TestClient, headers = {}) => client.call('GET', '/api/tasks', { headers })
const unsigned = { authorization: '' }

describe('requests over the limit', { timeout: 90_000 }, () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await openStage({ workers: 0, env: { ...env, TRUST_PROXY: '1' } })
  })
  afterAll(() => stage.close())

  it('of an account are refused with when to come again, and those of others are not', async () => {
    const client = await stage.client()
    for (let nth = 1; nth <= limit; nth++) {
      const { status, headers } = await read(client)
      expect(status).toBe(200)
      expect(headers.get('ratelimit-policy')).toBe(`"account";q=${limit};w=60`)
      expect(headers.get('ratelimit')).toMatch(new RegExp(`^"account";r=${limit - nth};t=\\d+$`))
    }
    const refused = await read(client)
    expectRefusal(refused, 429, 'RATE_LIMITED')
    expect(refused.body['details']).toEqual({ limit, windowSeconds: 60, per: 'account' })
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(60)
    expect((await read(await stage.client())).status).toBe(200)
  })

  it('without a good token close the door to their address, and to no other behind a proxy', async () => {
    const client = await stage.client()
    const from = (address: string) => ({ 'x-forwarded-for': address })
    for (let nth = 1; nth <= limit; nth++) {
      expectRefusal(await read(client, { ...unsigned, ...from('2001:db8::1') }), 401, 'UNAUTHENTICATED')
    }
    // The next address of the same customer.
    expectRefusal(await read(client, { ...unsigned, ...from('2001:db8::2') }), 429, 'RATE_LIMITED')
    expectRefusal(await read(client, from('2001:db8::3')), 429, 'RATE_LIMITED')
    expect((await read(client, from('2001:db8:0:1::1'))).status).toBe(200)
  })

  it.each(['/ws', 'Socket.IO'])('without a good token over %s close it to their address as well', async (door) => {
    const client = await stage.client()
    const address = door === '/ws' ? '192.0.2.21' : '192.0.2.22'
    const headers = { 'x-forwarded-for': address }
    const knock =
      door === '/ws' ? () => knockPlainly(client.url, headers) : () => knockWithSocketIo(client.url, headers)
    for (let nth = 1; nth <= limit; nth++) expect(await knock()).toBe('TOKEN_INVALID')
    // Counted behind the answer, so the next may still be let as far as its token.
    await expect.poll(knock, { timeout: 5000 }).toBe('RATE_LIMITED')
    expectRefusal(await read(client, headers), 429, 'RATE_LIMITED')
    expect(await refusedUpgrade(client.url, '/ws', headers)).toMatchObject({
      status: 429,
      body: { code: 'RATE_LIMITED' },
    })
    expect((await read(client, { 'x-forwarded-for': '192.0.2.23' })).status).toBe(200)
  })

  it('for what is shared are refused to their address, to which everything else stays open', async () => {
    const client = await stage.client()
    const visit = (address: string, path = 'nothing') =>
      client.call('GET', `/api/shared/${path}`, { headers: { ...unsigned, 'x-forwarded-for': address } })
    for (let nth = 1; nth <= limit; nth++) expectRefusal(await visit('192.0.2.7'), 404, 'SHARE_NOT_FOUND')
    const refused = await visit('192.0.2.7', 'another/files')
    expectRefusal(refused, 429, 'RATE_LIMITED')
    expect(refused.body['details']).toEqual({ limit, windowSeconds: 60, per: 'share' })
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expectRefusal(await visit('192.0.2.8'), 404, 'SHARE_NOT_FOUND')
    expect((await read(client, { 'x-forwarded-for': '192.0.2.7' })).status).toBe(200)
  })
})

describeWithRedis('requests at several API processes', { timeout: 90_000 }, () => {
  it('count together, and go on by themselves while Redis hangs', async () => {
    const redis = await startRedisServer()
    const stage = await openStage({ workers: 0, apis: 2, redisUrl: redis.redisUrl, env })
    const one = await stage.client({ api: 0 })
    const other = await stage.client({ api: 1 })
    const sameAccount = { authorization: `Bearer ${one.token}` }
    const statuses = []
    for (let nth = 0; nth < limit; nth++) {
      statuses.push((await read(nth % 2 === 0 ? one : other, sameAccount)).status)
    }
    expect(new Set(statuses)).toEqual(new Set([200]))
    expectRefusal(await read(other, sameAccount), 429, 'RATE_LIMITED')
    expectRefusal(await read(one, sameAccount), 429, 'RATE_LIMITED')

    redis.freeze()
    const begunAt = performance.now()
    expect((await read(await stage.client())).status).toBe(200)
    expect((await read(await stage.client())).status).toBe(200)
    expect(performance.now() - begunAt).toBeLessThan(1500)
    redis.thaw()
    await stage.close()
    await redis.stop()
  })
})
