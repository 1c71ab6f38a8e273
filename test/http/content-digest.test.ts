import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { parseContentDigest } from '../../src/http/content-digest.ts'

const digest = createHash('sha256').update('hello').digest()
const member = `sha-256=:${digest.toString('base64')}:`

describe('Content-Digest', () => {
  it('may be missing', () => {
    expect(parseContentDigest(undefined)).toEqual([])
  })

  it('is read with all that is understood, in order', () => {
    const long = createHash('sha512').update('hello').digest()
    expect(parseContentDigest(`${member} ,\tsha-512=:${long.toString('base64')}:`)).toEqual([
      { algorithm: 'sha-256', digest },
      { algorithm: 'sha-512', digest: long },
    ])
  })

  it('passes over what it does not know (RFC 9530 §2)', () => {
    expect(parseContentDigest(`md5=:1B2M2Y8AsgTpgAmY7PhCfg==:, ${member}, x.y*-_1=::`)).toEqual([
      { algorithm: 'sha-256', digest },
    ])
  })

  it.each([
    '',
    ',',
    'sha-256',
    'sha-256=',
    'sha-256=abc',
    'SHA-256=:AAAA:',
    'sha-256=:AA=A:',
    'sha-256=:A A:',
    `${member},`,
  ])('that cannot be read is refused: %j', (field) => {
    expect(() => parseContentDigest(field)).toThrow(expect.objectContaining({ code: 'DIGEST_INVALID', status: 400 }))
  })

  it('of the wrong length is refused', () => {
    expect(() => parseContentDigest('sha-256=:AAAA:')).toThrow(/32 bytes/)
    expect(() => parseContentDigest(`sha-512=:${digest.toString('base64')}:`)).toThrow(/64 bytes/)
  })
})
