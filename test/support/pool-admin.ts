import { randomUUID } from 'node:crypto'
import { signToken } from '../../src/auth/token.ts'
import type { Answer, TestClient } from './client.ts'
import { secret } from './system.ts'

/** An administrator who rules over pools, at the process of a client. */
export type PoolAdmin = {
  call: (method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<Answer>
  /** Makes a local pool and answers its id. */
  create: (fields?: Record<string, unknown>) => Promise<string>
}

export async function poolAdmin(client: TestClient): Promise<PoolAdmin> {
  const token = await signToken(secret, { account: randomUUID(), admin: true, expiresInSeconds: 3600 })
  const call: PoolAdmin['call'] = (method, path, body, headers = {}) =>
    client.call(method, `/api/admin/pools${path}`, {
      ...(body === undefined ? {} : { body }),
      headers: { authorization: `Bearer ${token}`, ...headers },
    })
  return {
    call,
    create: async (fields = {}) => {
      const settings = { path: `pools/${randomUUID()}` }
      const { status, body } = await call('POST', '', { name: 'a pool', kind: 'local', settings, ...fields })
      if (status !== 201) throw new Error(`answered ${status}: ${JSON.stringify(body)}`)
      return String(body['id'])
    },
  }
}
