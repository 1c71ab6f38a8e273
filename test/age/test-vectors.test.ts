import { createHash } from 'node:crypto'
import { inflateSync } from 'node:zlib'
import * as vectors from 'cctv-age'
import { describe, expect, it } from 'vitest'
import { decryptWith } from '../../src/age/decrypt.ts'
import type { DecryptionKeys } from '../../src/age/keys.ts'
import { systemCode } from '../../src/errors.ts'
import { inPieces } from '../support/pieces.ts'

// The community's vectors for the format (C2SP CCTV): every way a file can be good or bad, one at a time.

type Vector = { expected: string; keys: DecryptionKeys; payloadHash: string | undefined; file: Buffer }

const codes: Record<string, string[]> = {
  success: ['none'],
  'no match': ['DECRYPT_NO_MATCHING_KEY', 'DECRYPT_WRONG_PASSWORD'],
  'HMAC failure': ['DECRYPT_TAMPERED'],
  'header failure': ['DECRYPT_TAMPERED', 'DECRYPT_NOT_AGE', 'DECRYPT_TRUNCATED', 'DECRYPT_WORK_FACTOR'],
  'payload failure': ['DECRYPT_TAMPERED', 'DECRYPT_TRUNCATED'],
  'armor failure': ['DECRYPT_TAMPERED', 'DECRYPT_NOT_AGE', 'DECRYPT_TRUNCATED'],
}

/** Hybrid keys are refused by name, so a vector that needs one has nothing to show here. */
const readable = Object.entries(vectors)
  .map(([name, bytes]) => ({ name, ...readVector(Buffer.from(bytes)) }))
  .filter(({ keys }) => !keys.identities?.some((identity) => identity.startsWith('AGE-SECRET-KEY-PQ-1')))

describe('the test vectors of the format', () => {
  it('are nearly all there', () => {
    expect(readable.length).toBeGreaterThan(110)
  })

  it.each(readable)('$name: $expected', async ({ expected, keys, payloadHash, file }) => {
    const hash = createHash('sha256')
    let code = 'none'
    try {
      for await (const piece of await decryptWith(keys, inPieces(file, 40_000))) hash.update(piece)
    } catch (error) {
      code = systemCode(error) ?? String(error)
    }
    expect(codes[expected]).toContain(code)
    const released = hash.digest('hex')
    expect(released).toBe(payloadHash ?? released)
  })
})

function readVector(bytes: Buffer): Vector {
  const end = bytes.indexOf('\n\n')
  const fields = bytes
    .toString('latin1', 0, end)
    .split('\n')
    .map((line) => /^([^:]+): (.*)$/.exec(line)?.slice(1) ?? [])
  const all = (name: string): string[] => fields.flatMap(([key, value]) => (key === name && value ? [value] : []))
  const body = bytes.subarray(end + 2)
  return {
    expected: all('expect')[0] ?? '',
    keys: { password: all('passphrase')[0] ?? 'any', identities: all('identity') },
    payloadHash: all('payload')[0],
    file: all('compressed')[0] === 'zlib' ? inflateSync(body) : body,
  }
}
