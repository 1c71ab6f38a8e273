import { createHmac, createPublicKey } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { signToken } from '../../src/auth/token.ts'
import { createVerifier, type TokenRules } from '../../src/auth/verify.ts'
import { startTokenIssuer } from '../support/token-issuer.ts'

const account = '0f8fad5b-d9cb-469f-a165-70867728950e'
const secret = 'a secret of more than thirty-two characters'
const rules = (more: Partial<TokenRules>): TokenRules => ({ clockToleranceSeconds: 0, ...more })

describe('tokens by listed keys', () => {
  it.each(['RS256', 'ES256'] as const)('count when they are signed by %s with one of them', async (algorithm) => {
    const issuer = await startTokenIssuer()
    const verify = createVerifier(rules({ jwksUrl: issuer.jwksUrl }))
    const token = await issuer.sign({ sub: account, role: 'admin' }, algorithm)
    expect(await verify(token)).toMatchObject({ account, admin: true })
    await verify(token)
    expect(issuer.fetches()).toBe(1)
  })

  it('go on through a change of keys, and end when a key is withdrawn', async () => {
    const issuer = await startTokenIssuer()
    const former = await issuer.sign({ sub: account })
    const verify = createVerifier(rules({ jwksUrl: issuer.jwksUrl }))
    issuer.rotate()
    const next = await issuer.sign({ sub: account })
    expect(await verify(next)).toMatchObject({ account })
    expect(await verify(former)).toMatchObject({ account })

    issuer.rotate({ withdraw: true })
    await issuer.sign({ sub: account })
    const afresh = createVerifier(rules({ jwksUrl: issuer.jwksUrl }))
    await expect(afresh(next)).rejects.toMatchObject({ code: 'TOKEN_INVALID', status: 401 })
  })

  it('do not make us ask for every unknown key', async () => {
    const issuer = await startTokenIssuer()
    const verify = createVerifier(rules({ jwksUrl: issuer.jwksUrl }))
    await verify(await issuer.sign({ sub: account }))
    const stranger = await startTokenIssuer()
    for (let nth = 0; nth < 20; nth++) {
      stranger.rotate()
      await expect(verify(await stranger.sign({ sub: account }, 'ES256'))).rejects.toMatchObject({ status: 401 })
    }
    expect(issuer.fetches()).toBe(1)
  })

  it('are not judged while the list cannot be had: that is no fault of the token', async () => {
    const issuer = await startTokenIssuer()
    const token = await issuer.sign({ sub: account })
    const verify = createVerifier(rules({ jwksUrl: issuer.jwksUrl }))
    issuer.fail(500)
    await expect(verify(token)).rejects.toMatchObject({ code: 'KEYS_UNAVAILABLE', status: 503, retryAfterSeconds: 5 })
    issuer.fail(undefined)
    expect(await verify(token)).toMatchObject({ account })
  })

  it('are not taken for tokens by the secret, nor the other way round', async () => {
    const issuer = await startTokenIssuer()
    await issuer.sign({ sub: account })
    const [key] = issuer.list()
    const pem = createPublicKey({ key: { ...key }, format: 'jwk' })
      .export({ type: 'spki', format: 'pem' })
      .toString()
    const both = createVerifier(rules({ secret, jwksUrl: issuer.jwksUrl }))
    const listed = createVerifier(rules({ jwksUrl: issuer.jwksUrl }))
    const bySecret = await signToken(secret, { account, admin: false, expiresInSeconds: 60 })
    expect(await both(bySecret)).toMatchObject({ account })
    // The public key is no secret: who signs by HMAC with it must not get in, whatever key id the token names.
    const forged = hmacToken({ alg: 'HS256', kid: key?.kid }, { sub: account }, pem)
    for (const verify of [both, listed]) {
      await expect(verify(forged)).rejects.toMatchObject({ code: 'TOKEN_INVALID' })
    }
    await expect(listed(bySecret)).rejects.toMatchObject({ code: 'TOKEN_INVALID' })
    const rs256 = await issuer.sign({ sub: account })
    await expect(createVerifier(rules({ secret }))(rs256)).rejects.toMatchObject({ code: 'TOKEN_INVALID' })
  })
})

describe('tokens by whoever they are', () => {
  it('must be by the issuer and for the audience that are set', async () => {
    const verify = createVerifier(rules({ secret, issuer: 'https://issuer.example', audience: 'longshore' }))
    const token = (claims: { issuer?: string; audience?: string }) =>
      signToken(secret, { account, admin: false, expiresInSeconds: 60, ...claims })
    const right = { issuer: 'https://issuer.example', audience: 'longshore' }
    expect(await verify(await token(right))).toMatchObject({ account })
    for (const wrong of [{}, { ...right, issuer: 'https://other.example' }, { ...right, audience: 'other' }]) {
      await expect(verify(await token(wrong))).rejects.toMatchObject({ code: 'TOKEN_INVALID', status: 401 })
    }
  })
})

function hmacToken(header: unknown, claims: unknown, key: string): string {
  const text = [header, claims].map((one) => Buffer.from(JSON.stringify(one)).toString('base64url')).join('.')
  return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`
}
