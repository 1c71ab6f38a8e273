import { once } from 'node:events'
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { refusedUpgrade } from '../support/plain-socket.ts'
import { expectRefusal } from '../support/refusal.ts'
import { openStage, type Stage } from '../support/stage.ts'

const page = 'https://app.example'

describe('what every answer says to browsers', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await openStage({ workers: 0, env: { CORS_ORIGINS: `${page}, https://other.example` } })
  })
  afterAll(() => stage.close())

  it('is to run, load and frame nothing of it, and to guess no types', async () => {
    const client = await stage.client()
    for (const path of ['/api/tasks', '/api/nothing', '/health/live']) {
      const { headers } = await client.call('GET', path)
      expect(headers.get('content-security-policy')).toBe("default-src 'none';frame-ancestors 'none'")
      expect(headers.get('x-content-type-options')).toBe('nosniff')
      expect(headers.get('x-powered-by')).toBeNull()
      expect(headers.get('strict-transport-security')).toBeNull()
    }
  })

  it('lets the pages use the API that are listed, with every method and header, and no others', async () => {
    const client = await stage.client()
    const asked = { 'access-control-request-method': 'PUT', 'access-control-request-headers': 'authorization' }
    const preflight = await fetch(`${client.url}/api/files/upload/chunk/${randomUUID()}/0`, {
      method: 'OPTIONS',
      headers: { origin: page, ...asked },
    })
    expect(preflight.status).toBe(204)
    expect(preflight.headers.get('access-control-allow-origin')).toBe(page)
    expect(preflight.headers.get('access-control-allow-methods')).toContain('PUT')
    expect(preflight.headers.get('access-control-allow-headers')).toContain('authorization')
    const read = await client.call('GET', '/api/tasks', { headers: { origin: page } })
    expect(read.headers.get('access-control-allow-origin')).toBe(page)
    expect(read.headers.get('access-control-expose-headers')).toContain('X-Total')
    expect(read.headers.get('vary')).toContain('Origin')
    const stranger = await client.call('GET', '/api/tasks', { headers: { origin: 'https://evil.example' } })
    expect(stranger.headers.get('access-control-allow-origin')).toBeNull()
  })
})

describe('a server that answers over HTTPS only', { timeout: 90_000 }, () => {
  it('believes the proxy that it trusts, and nobody else', async () => {
    const stage = await openStage({ workers: 0, env: { HTTPS_ONLY: 'true', TRUST_PROXY: '1' } })
    const client = await stage.client()
    const bySecure = { 'x-forwarded-proto': 'https', 'x-forwarded-for': '198.51.100.7' }
    const secure = await client.call('GET', '/api/tasks', { headers: bySecure })
    expect(secure.status).toBe(200)
    expect(secure.headers.get('strict-transport-security')).toContain('max-age=')
    expectRefusal(await client.call('GET', '/api/tasks'), 403, 'HTTPS_REQUIRED')
    expect((await client.call('GET', '/health/live')).status).toBe(200)
    const refused = { status: 403, body: { code: 'HTTPS_REQUIRED' } }
    expect(await refusedUpgrade(client.url, '/ws')).toMatchObject(refused)
    for (const proto of ['http', 'http, https', '']) {
      expect(await refusedUpgrade(client.url, '/ws', { 'x-forwarded-proto': proto })).toMatchObject(refused)
    }
    const polling = `${client.url}/socket.io/?EIO=4&transport=polling`
    expect(await (await fetch(polling)).json()).toMatchObject({ message: 'HTTPS_REQUIRED' })
    expect((await fetch(polling, { headers: bySecure })).status).toBe(200)
    const watching = new WebSocket(`${client.url.replace('http', 'ws')}/ws`, { headers: bySecure })
    await once(watching, 'open')
    watching.terminate()
    await stage.close()

    const trusting = await openStage({ workers: 0, env: { HTTPS_ONLY: 'true' } })
    const other = await trusting.client()
    expectRefusal(await other.call('GET', '/api/tasks', { headers: bySecure }), 403, 'HTTPS_REQUIRED')
    expect(await refusedUpgrade(other.url, '/ws', bySecure)).toMatchObject({ status: 403 })
    await trusting.close()
  })
})
