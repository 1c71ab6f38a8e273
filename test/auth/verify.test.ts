import { SignJWT } from 'jose'
import { describe, expect, it } from 'vitest'
import { signToken } from '../../src/auth/token.ts'
import { createVerifier } from '../../src/auth/verify.ts'

const secret = 'a secret of more than thirty-two characters'
const verify = createVerifier({ secret, clockToleranceSeconds: 30 })
const account = '0f8fad5b-d9cb-469f-a165-70867728950e'

describe('a token', () => {
  it('names the account it was made for', async () => {
    const token = await signToken(secret, { account, admin: false, expiresInSeconds: 60 })
    const identity = await verify(token)
    expect(identity).toMatchObject({ account, admin: false, permissions: [] })
    const secondsLeft = ((identity.expiresAt?.getTime() ?? 0) - Date.now()) / 1000
    expect(secondsLeft).toBeGreaterThan(50)
    expect(secondsLeft).toBeLessThanOrEqual(60)
  })

  it('says when it is an administrator’s', async () => {
    const token = await signToken(secret, { account, admin: true, expiresInSeconds: 60 })
    expect(await verify(token)).toMatchObject({ admin: true })
  })

  it('carries permissions, and takes only strings for them', async () => {
    const token = await forge({ sub: account, permissions: ['files.read', 7] })
    expect((await verify(token)).permissions).toEqual(['files.read'])
  })

  it('means the same account however its UUID is spelled', async () => {
    const token = await forge({ sub: account.toUpperCase() })
    expect((await verify(token)).account).toBe(account)
  })

  it('without an end is good until the secret changes', async () => {
    expect((await verify(await forge({ sub: account }))).expiresAt).toBeUndefined()
  })
})

describe('a token is refused', () => {
  it('when there is none', async () => {
    await expect(verify(undefined)).rejects.toMatchObject({ code: 'UNAUTHENTICATED', status: 401 })
    await expect(verify('')).rejects.toMatchObject({ code: 'UNAUTHENTICATED', status: 401 })
  })

  it('once it has expired, but not for clocks that are half a minute apart', async () => {
    const ended = (secondsAgo: number) => forge({ sub: account, exp: Math.floor(Date.now() / 1000) - secondsAgo })
    await expect(verify(await ended(20))).resolves.toMatchObject({ account })
    await expect(verify(await ended(60))).rejects.toMatchObject({ code: 'TOKEN_EXPIRED', status: 401 })
  })

  it.each([
    ['signed with another secret', () => forge({ sub: account }, { by: `${secret}!` })],
    ['signed with another algorithm', () => forge({ sub: account }, { alg: 'HS512' })],
    ['not signed at all', () => Promise.resolve(`${part({ alg: 'none' })}.${part({ sub: account })}.`)],
    ['not valid yet', () => forge({ sub: account, nbf: Math.floor(Date.now() / 1000) + 120 })],
    ['without an account', () => forge({})],
    ['for something that is not a UUID', () => forge({ sub: 'root' })],
    ['not a token', () => Promise.resolve('not-a-token')],
  ])('when it is %s', async (_, make) => {
    await expect(verify(await make())).rejects.toMatchObject({ code: 'TOKEN_INVALID', status: 401 })
  })

  it('when its content was changed after signing', async () => {
    const token = await signToken(secret, { account, admin: false, expiresInSeconds: 60 })
    const [header, , signature] = token.split('.')
    const changed = `${header}.${part({ sub: account, role: 'admin' })}.${signature}`
    await expect(verify(changed)).rejects.toMatchObject({ code: 'TOKEN_INVALID' })
  })
})

function forge(claims: Record<string, unknown>, { by = secret, alg = 'HS256' } = {}): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg }).sign(new TextEncoder().encode(by))
}

function part(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
