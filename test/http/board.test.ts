import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { z } from 'zod'
import { signToken } from '../../src/auth/token.ts'
import type { Answer, TestClient } from '../support/client.ts'
import { expectRefusal } from '../support/refusal.ts'
import { openStage, type Stage } from '../support/stage.ts'
import { secret } from '../support/system.ts'
import { createTask, withTestTypes } from '../support/tasks.ts'

const places = [
  { title: 'Postgres', redisUrl: undefined, backend: 'postgres' },
  { title: 'Redis', redisUrl: inject('redisUrl'), backend: 'redis' },
]
const queuesView = z.object({
  queues: z.array(
    z.looseObject({
      name: z.string(),
      readOnlyMode: z.boolean(),
      counts: z.record(z.string(), z.number()),
      jobs: z.array(z.looseObject({ id: z.string(), data: z.unknown() })),
    }),
  ),
})

describe.each(places)('the board of queues in $title', { timeout: 60_000 }, ({ redisUrl, backend }) => {
  let stage: Stage
  let client: TestClient
  const board = (): string => `${stage.system.urls[0]}/admin/queues`

  beforeAll(async () => {
    // Nobody serves the other bands, so what is in their queues stays there.
    stage = await openStage({ redisUrl, env: withTestTypes, workerArgs: ['--queues', 'high'] })
    client = await stage.client()
  })
  afterAll(() => stage.close())

  const tokenOf = (claims: { admin: boolean; scope?: string }, expiresInSeconds = 3600): Promise<string> =>
    signToken(secret, { account: randomUUID(), expiresInSeconds, ...claims })
  const opened = async (token?: string): Promise<Answer> => {
    const authorization = `Bearer ${token ?? (await tokenOf({ admin: true }))}`
    return client.call('POST', '/api/admin/queues/session', { headers: { authorization } })
  }
  const cookieOf = ({ headers }: Answer): string => headers.getSetCookie()[0]?.split(';')[0] ?? ''
  type Asking = Omit<RequestInit, 'headers'> & { headers?: Record<string, string> }
  const ask = (path: string, cookie?: string, { headers = {}, ...init }: Asking = {}): Promise<Response> =>
    fetch(board() + path, { ...init, headers: { ...(cookie === undefined ? {} : { cookie }), ...headers } })

  it('is opened by an administrator’s token, to one browser, for a while', async () => {
    const answer = await opened()
    expect(answer.status).toBe(200)
    expect(answer.body['path']).toBe('/admin/queues/')
    const [cookie = ''] = answer.headers.getSetCookie()
    expect(cookie).toMatch(
      /^longshore_board=[\w-]{43}; Path=\/admin\/queues; Expires=[^;]+; HttpOnly; SameSite=Strict$/,
    )
    const lastsMs = Date.parse(String(answer.body['expiresAt'])) - Date.now()
    expect(lastsMs).toBeGreaterThan(14 * 60_000)
    expect(lastsMs).toBeLessThanOrEqual(15 * 60_000)
    // Never for longer than the token counts.
    const short = await opened(await tokenOf({ admin: true }, 60))
    expect(Date.parse(String(short.body['expiresAt'])) - Date.now()).toBeLessThanOrEqual(60_000)
    // Only its hash is kept, so who reads the ledger opens nothing with it.
    const kept = await stage.sql`select encode(token_sha256, 'escape') as hash from board_sessions`
    expect(kept).toHaveLength(2)
    expect(JSON.stringify(kept)).not.toContain(cookieOf(answer).split('=')[1])
  })

  it('is opened by nobody else, and by nothing else', async () => {
    expectRefusal(await opened('nonsense'), 401, 'TOKEN_INVALID')
    expectRefusal(await opened(await tokenOf({ admin: false })), 403, 'FORBIDDEN')
    expectRefusal(await opened(await tokenOf({ admin: true, scope: 'longshore:admin:read' })), 403, 'FORBIDDEN')
    const bearer = { authorization: `Bearer ${await tokenOf({ admin: true })}` }
    for (const path of ['', '/', '/queue/normal', '/api/queues', '/static/images/logo.svg']) {
      for (const [cookie, headers] of [
        [undefined, {}],
        [undefined, bearer],
        [`longshore_board=${'A'.repeat(43)}`, {}],
        [`longshore_board=${'A'.repeat(42)}`, bearer],
      ] as const) {
        const refused = await ask(path, cookie, { headers })
        expect([path, refused.status, refused.headers.get('cache-control')]).toEqual([path, 401, 'private, no-store'])
        expect(z.object({ code: z.string() }).parse(await refused.json()).code).toBe('UNAUTHENTICATED')
      }
    }
    const person = await ask('/', undefined, { headers: { accept: 'text/html' } })
    expect(person.status).toBe(401)
    expect(await person.text()).toContain('/#/queues')
  })

  it('is closed when its time is over, whoever still has the cookie', async () => {
    const cookie = cookieOf(await opened())
    expect((await ask('/', cookie)).status).toBe(200)
    await stage.sql`update board_sessions set expires_at = now() - interval '1 second'`
    expect((await ask('/', cookie)).status).toBe(401)
    await opened()
    expect(await stage.sql`select 1 from board_sessions`).toHaveLength(1)
  })

  it('shows every queue with what waits in it, and of a job no more than the ledger’s number for it', async () => {
    const taskId = await createTask(client, 'Echo', {}, { priority: 50, name: 'of somebody' })
    const cookie = cookieOf(await opened())
    const page = await ask('/', cookie)
    expect(page.headers.get('content-security-policy')).toMatch(/default-src 'none';script-src 'self';/)
    const html = await page.text()
    expect(html).toContain('<base href="/admin/queues/" />')
    expect(html).not.toMatch(/(?:src|href)="https?:/)
    for (const [, file] of html.matchAll(/(?:src|href)="(static\/[^"]+)"/g)) {
      expect([file, (await ask(`/${file}`, cookie)).status]).toEqual([file, 200])
    }
    const stats = await ask('/api/redis/stats', cookie)
    expect(await stats.json()).toMatchObject({ backend })

    const listed = await ask('/api/queues?activeQueue=normal&status=prioritized', cookie)
    const { queues } = queuesView.parse(await listed.json())
    expect(queues.map(({ name }) => name)).toEqual(['high', 'normal', 'low', 'webhooks'])
    expect(queues.every(({ readOnlyMode }) => readOnlyMode)).toBe(true)
    expect(JSON.stringify(queues)).not.toContain('of somebody')
    const normal = queues.find(({ name }) => name === 'normal')
    expect(normal?.jobs).toMatchObject([{ id: `${taskId}-0`, data: { taskId, dispatch: 0 } }])
    const job = await ask(`/api/queues/normal/${taskId}-0`, cookie)
    expect(await job.json()).toMatchObject({ job: { id: `${taskId}-0` } })
  })

  it('changes nothing: no way of it that would is there', async () => {
    const taskId = await createTask(client, 'Echo', {}, { priority: 50 })
    const cookie = cookieOf(await opened())
    for (const [method, path] of [
      ['PUT', '/api/queues/pause'],
      ['PUT', '/api/queues/normal/pause'],
      ['PUT', '/api/queues/normal/empty'],
      ['PUT', '/api/queues/normal/obliterate'],
      ['PUT', '/api/queues/normal/clean/prioritized'],
      ['PUT', `/api/queues/normal/${taskId}-0/clean`],
      ['PUT', `/api/queues/normal/${taskId}-0/retry`],
      ['PATCH', `/api/queues/normal/${taskId}-0/priority`],
      ['POST', '/api/queues/normal/add'],
      ['DELETE', '/'],
    ] as const) {
      const body = method === 'DELETE' ? {} : { body: '{}', headers: { 'content-type': 'application/json' } }
      const refused = await ask(path, cookie, { method, ...body })
      expect([path, refused.status >= 404 && refused.status <= 405]).toEqual([path, true])
    }
    // Nor are they there under the method that browsers send without being asked.
    for (const path of ['/api/queues/pause', '/api/queues/normal/empty', `/api/queues/normal/${taskId}-0/clean`]) {
      expect([path, (await ask(path, cookie)).status]).toEqual([path, 404])
    }
    const listed = await ask('/api/queues?activeQueue=normal&status=prioritized', cookie)
    const normal = queuesView.parse(await listed.json()).queues.find(({ name }) => name === 'normal')
    expect(normal?.jobs.map(({ id }) => id)).toContain(`${taskId}-0`)
  })
})
