import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { resources } from '../../src/auth/scope.ts'
import { signToken } from '../../src/auth/token.ts'
import { type Answer, clientOf, type TestClient } from '../support/client.ts'
import { everyOperation, filledIn, leastBody, type Walked } from '../support/operations.ts'
import { expectRefusal } from '../support/refusal.ts'
import { openStage, type Stage } from '../support/stage.ts'
import { secret } from '../support/system.ts'
import { allThings, makeThings } from '../support/things.ts'

/** What needs no token. Whatever is not here must refuse strangers, so a new route has a rule or fails. */
const openRoutes = [
  'areUploadsHealthy',
  'downloadSharedFile',
  'getMetrics',
  'getOpenApi',
  'getReference',
  'getScript',
  'getShare',
  'getStyle',
  'isLive',
  'isReady',
  'listSharedFiles',
  'openShare',
  'signIn',
]

/** Who has a thing that they name does not matter: they are everybody's, or tell of the caller alone. */
const notOfAnAccount = ['getPool']

describe('every operation of the document', { timeout: 120_000 }, () => {
  const operations = everyOperation()
  const guarded = operations.filter(({ scope }) => scope !== undefined)
  let stage: Stage
  let client: TestClient
  let things: Record<string, string>
  const tokens: Record<string, string> = {}

  beforeAll(async () => {
    stage = await openStage({ env: allThings })
    client = await stage.client()
    things = await makeThings(client)
    const account = randomUUID()
    const claims = { account, admin: false, expiresInSeconds: 600 }
    tokens['somebody'] = await signToken(secret, claims)
    tokens['expired'] = await signToken(secret, { ...claims, expiresInSeconds: -600 })
    tokens['admin'] = await signToken(secret, { ...claims, admin: true })
    for (const resource of resources) {
      const others = resources.filter((one) => one !== resource)
      const scope = others.flatMap((one) => [`longshore:${one}:read`, `longshore:${one}:write`]).join(' ')
      tokens[`not ${resource}`] = await signToken(secret, { ...claims, admin: true, scope })
    }
    const scope = resources.map((one) => `longshore:${one}:read`).join(' ')
    tokens['reader'] = await signToken(secret, { ...claims, admin: true, scope })
  })
  afterAll(() => stage.close())

  const call = async ({ method, path, operation }: Walked, token?: string): Promise<Answer> => {
    const authorization = token === undefined ? '' : `Bearer ${token}`
    const body = leastBody(operation)
    return client.call(method, filledIn(path, things), { body, headers: { authorization } })
  }

  it('is open to everybody only where that is meant', () => {
    const open = operations.filter(({ scope }) => scope === undefined).map(({ name }) => name)
    expect(open.sort()).toEqual(openRoutes)
    expect(guarded.length).toBeGreaterThan(70)
    expect(new Set(guarded.map(({ scope }) => scope?.split(':')[1]))).toEqual(new Set(resources))
  })

  it.each(guarded)('$name lets in who may, and nobody else', async (walked) => {
    const resource = walked.scope?.split(':')[1] ?? ''
    expectRefusal(await call(walked), 401, 'UNAUTHENTICATED')
    expectRefusal(await call(walked, tokens['expired']), 401, 'TOKEN_EXPIRED')
    expectRefusal(await call(walked, tokens[`not ${resource}`]), 403, 'FORBIDDEN')
    if (walked.method !== 'GET') expectRefusal(await call(walked, tokens['reader']), 403, 'FORBIDDEN')
    const { body } = await call(walked, tokens['somebody'])
    expect(body['code'] === 'FORBIDDEN').toBe(resource === 'admin')
    const admins = await call(walked, tokens['admin'])
    expect([401, 403]).not.toContain(admins.status)
  })

  const naming = guarded.filter(
    ({ name, path, scope }) => path.includes('{') && !scope?.includes('admin') && !notOfAnAccount.includes(name),
  )

  it.each(naming)("$name does not know another account's things, whoever asks", async (walked) => {
    for (const who of ['somebody', 'admin']) {
      const answer = await call(walked, tokens[who])
      expect(answer.body['code']).toMatch(/_NOT_FOUND$/)
      expectRefusal(answer, 404, String(answer.body['code']))
    }
  })

  it('leaves everything as it was', async () => {
    const { fileId, taskId, bundleId, scheduleId, webhookId } = things
    for (const path of [`files/${fileId}`, `tasks/${taskId}`, `bundles/${bundleId}`, `schedules/${scheduleId}`]) {
      expect((await client.call('GET', `/api/${path}`)).status).toBe(200)
    }
    expect((await client.call('GET', `/api/webhooks/${webhookId}`)).body).toMatchObject({ enabled: true })
    const nobody = await clientOf(client.url)
    for (const list of ['files', 'files/upload/tasks', 'tasks', 'bundles', 'schedules', 'webhooks']) {
      expect((await nobody.call('GET', `/api/${list}`)).headers.get('x-total')).toBe('0')
    }
  })
})
