import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { resources } from '../../src/auth/scope.ts'
import { signToken } from '../../src/auth/token.ts'
import type { SignedIn } from '../../src/http/caller.ts'
import { type ApiDeps, apiRouters } from '../../src/http/routes.ts'
import { type Answer, clientOf } from '../support/client.ts'
import { expectRefusal } from '../support/refusal.ts'
import { openStage, type Stage } from '../support/stage.ts'
import { secret } from '../support/system.ts'

type Route = { method: string; path: string; resource: string }

/** Who may use a route without a token. Whatever is not here must refuse strangers. */
const publicRoutes = new Set<string>([])

/** Every route below `/api`, as the application declares it; its variables are ids of nothing. */
function everyRoute(): Route[] {
  const routes: Route[] = []
  let resource = ''
  const signedIn: SignedIn = (handler) => (request, response) => handler(request, response, {} as never)
  const routers = apiRouters({} as ApiDeps, (name) => {
    resource = name
    return signedIn
  })
  for (const [prefix, router] of routers) {
    for (const { route } of router.stack) {
      if (!route) continue
      const methods = new Set(route.stack.map(({ method }) => method.toUpperCase()))
      const path = `/api${prefix}${route.path === '/' ? '' : route.path}`
      for (const method of methods) routes.push({ method, path: filledIn(path), resource: resourceOf(prefix) })
    }
  }
  expect(resource).not.toBe('')
  return routes
}

function resourceOf(prefix: string): string {
  if (prefix.startsWith('/admin')) return 'admin'
  if (/^\/(webhooks|push)/.test(prefix)) return 'notifications'
  return /^\/(tasks|schedules)/.test(prefix) ? 'tasks' : 'files'
}

function filledIn(path: string): string {
  return path.replace(/:(\w+)/g, (_, name: string) =>
    name === 'chunkIndex' ? '0' : name === 'band' ? 'low' : randomUUID(),
  )
}

describe('every route', { timeout: 120_000 }, () => {
  const routes = everyRoute().filter(({ method, path }) => !publicRoutes.has(`${method} ${path}`))
  let stage: Stage
  const tokens: Record<string, string> = {}
  beforeAll(async () => {
    const push = {
      PUSH_VAPID_PRIVATE_KEY: Buffer.alloc(32, 'a key').toString('base64'),
      PUSH_VAPID_SUBJECT: 'mailto:a@example.com',
    }
    stage = await openStage({ workers: 0, env: push })
    const account = randomUUID()
    const claims = { account, admin: false, expiresInSeconds: 600 }
    tokens['somebody'] = await signToken(secret, claims)
    tokens['expired'] = await signToken(secret, { ...claims, expiresInSeconds: -600 })
    for (const resource of resources) {
      const others = resources.filter((one) => one !== resource)
      const scope = others.flatMap((one) => [`longshore:${one}:read`, `longshore:${one}:write`]).join(' ')
      tokens[`not ${resource}`] = await signToken(secret, { ...claims, admin: true, scope })
    }
    tokens['reader'] = await signToken(secret, {
      ...claims,
      admin: true,
      scope: resources.map((one) => `longshore:${one}:read`).join(' '),
    })
  })
  afterAll(() => stage.close())

  const call = async ({ method, path }: Route, token?: string): Promise<Answer> => {
    const client = await clientOf(stage.system.urls[0] ?? '')
    const body = method === 'GET' ? undefined : method === 'PUT' ? Buffer.from('x') : {}
    return client.call(method, path, { body, headers: { authorization: token === undefined ? '' : `Bearer ${token}` } })
  }

  it('is there to be walked', () => {
    expect(routes.length).toBeGreaterThan(30)
    expect(new Set(routes.map(({ resource }) => resource))).toEqual(new Set(resources))
  })

  it.each(routes)('$method $path lets in who may, and nobody else', async (route) => {
    expectRefusal(await call(route), 401, 'UNAUTHENTICATED')
    expectRefusal(await call(route, tokens['expired']), 401, 'TOKEN_EXPIRED')
    expectRefusal(await call(route, tokens[`not ${route.resource}`]), 403, 'FORBIDDEN')
    if (route.method !== 'GET') expectRefusal(await call(route, tokens['reader']), 403, 'FORBIDDEN')
    const { status } = await call(route, tokens['somebody'])
    expect(route.resource === 'admin' ? [403] : [200, 204, 400, 404, 410, 415]).toContain(status)
  })
})
