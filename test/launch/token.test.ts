import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createVerifier } from '../../src/auth/verify.ts'
import { keptSecret } from '../../src/launch/kept-secret.ts'
import { startProcess } from '../support/process.ts'

const secret = 'a secret of more than thirty-two characters'
const account = '0f8fad5b-d9cb-469f-a165-70867728950e'
let dataDir: string

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'longshore-token-'))
})
afterAll(() => rm(dataDir, { recursive: true, force: true }))

describe('npm run token', () => {
  it('prints nothing but a token for the account', async () => {
    const { code, output } = await run(['--account', account, '--days', '2'], { AUTH_JWT_SECRET: secret })
    expect(code).toBe(0)
    const identity = await createVerifier({ secret: secret, clockToleranceSeconds: 0 })(output)
    expect(identity).toMatchObject({ account, admin: false })
    const days = ((identity.expiresAt?.getTime() ?? 0) - Date.now()) / 86_400_000
    expect(days).toBeCloseTo(2, 2)
  })

  it('makes an administrator’s token on request', async () => {
    const { output } = await run(['--account', account, '--admin'], { AUTH_JWT_SECRET: secret })
    expect(await createVerifier({ secret: secret, clockToleranceSeconds: 0 })(output)).toMatchObject({ admin: true })
  })

  it('signs with the secret kept in DATA_DIR when none is set', async () => {
    const without = await run(['--account', account])
    expect(without).toMatchObject({ code: 1, output: expect.stringContaining('AUTH_JWT_SECRET') })
    const kept = await keptSecret(dataDir, 'auth-jwt-secret')
    const { output } = await run(['--account', account])
    expect(await createVerifier({ secret: kept, clockToleranceSeconds: 0 })(output)).toMatchObject({ account })
  })

  it.each([
    [[], '--account is missing.'],
    [['--account', 'me'], '--account must be a UUID.'],
    [['--account', account, '--days', 'many'], '--days must be a number.'],
    [['--account', account, '--days', '-1'], '--days'],
    [['--account', account, '--forever'], '--forever'],
    [['--account', account, 'extra'], 'extra'],
  ])('says in one line what is wrong with %j', async (args, problem) => {
    const { code, output } = await run(args, { AUTH_JWT_SECRET: secret })
    expect(code).toBe(1)
    expect(output.split('\n')).toHaveLength(1)
    expect(output).toContain(problem)
    expect(output).toContain('Usage: npm run -s token')
  })
})

async function run(args: string[], env: Record<string, string> = {}): Promise<{ code: number | null; output: string }> {
  const script = startProcess({ file: 'scripts/token.js', args, env: { DATA_DIR: dataDir, ...env } })
  const { code } = await script.exited
  return { code, output: script.output() }
}
