import { randomBytes } from 'node:crypto'
import { beforeAll, describe, expect, it } from 'vitest'
import { decryptWith } from '../../src/age/decrypt.ts'
import { encryptTo } from '../../src/age/encrypt.ts'
import type { DecryptionKeys, EncryptionKeys } from '../../src/age/keys.ts'
import { AppError } from '../../src/errors.ts'
import { type AgeKey, newAgeKey } from '../support/age-command.ts'
import { inPieces, joined } from '../support/pieces.ts'

const sealedChunkBytes = 65_552
const plain = randomBytes(3 * 65_536 + 100)
let key: AgeKey
let other: AgeKey
/** To the key; of three whole chunks and one of 100 bytes. */
let file: Buffer = Buffer.alloc(0)
let payloadStart = 0

beforeAll(async () => {
  key = await newAgeKey()
  other = await newAgeKey()
  const encryption = await encryptTo({ recipients: [key.recipient] })
  file = await joined(encryption.encrypt(inPieces(plain, 65_536)))
  payloadStart = encryption.header.length + 16
})

/** The code that decryption ended with, and how much came out before. What came out must be the plaintext's beginning. */
async function outcome(bytes: Buffer, keys: DecryptionKeys = { identities: [key.identity] }) {
  const released: Buffer[] = []
  let code = 'none'
  try {
    for await (const piece of await decryptWith(keys, inPieces(bytes, 65_536))) released.push(Buffer.from(piece))
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    code = error.code
  }
  const got = Buffer.concat(released)
  expect(plain.subarray(0, got.length).equals(got)).toBe(true)
  return { code, bytes: got.length }
}

async function sealed(keys: EncryptionKeys): Promise<Buffer> {
  return joined((await encryptTo(keys, { scryptLogN: 10 })).encrypt(inPieces(plain, 65_536)))
}

describe('a file with one byte changed', () => {
  it('never opens, whichever byte of its header or nonce it is', async () => {
    for (let position = 0; position < payloadStart; position++) {
      const changed = Buffer.from(file)
      changed[position] = (changed[position] ?? 0) ^ 0x01
      const { code, bytes } = await outcome(changed)
      expect([position, bytes]).toEqual([position, 0])
      expect(['DECRYPT_TAMPERED', 'DECRYPT_NOT_AGE', 'DECRYPT_NO_MATCHING_KEY', 'DECRYPT_TRUNCATED']).toContain(code)
    }
  })

  it.each([
    ['MAC', () => payloadStart - 30, 'DECRYPT_TAMPERED', 0],
    ['nonce', () => payloadStart - 1, 'DECRYPT_TAMPERED', 0],
    ['first chunk', () => payloadStart + 5, 'DECRYPT_TAMPERED', 0],
    ["first chunk's tag", () => payloadStart + sealedChunkBytes - 1, 'DECRYPT_TAMPERED', 0],
    ['third chunk', () => payloadStart + 2 * sealedChunkBytes + 9, 'DECRYPT_TAMPERED', 2 * 65_536],
    // A short last chunk that does not open is more often cut than changed.
    ['last chunk', () => payloadStart + 3 * sealedChunkBytes + 9, 'DECRYPT_TRUNCATED', 3 * 65_536],
    ["last chunk's tag", () => file.length - 1, 'DECRYPT_TRUNCATED', 3 * 65_536],
  ])('in its %s is found out before anything behind it is released', async (_where, position, code, bytes) => {
    const changed = Buffer.from(file)
    changed[position()] = (changed[position()] ?? 0) ^ 0x80
    expect(await outcome(changed)).toEqual({ code, bytes })
  })
})

describe('a file whose chunks were moved', () => {
  const chunk = (index: number): Buffer =>
    file.subarray(payloadStart + index * sealedChunkBytes, payloadStart + (index + 1) * sealedChunkBytes)

  it.each([
    ['exchanged', () => [chunk(1), chunk(0), chunk(2), chunk(3)]],
    ['left out', () => [chunk(0), chunk(2), chunk(3)]],
    ['repeated', () => [chunk(0), chunk(0), chunk(1), chunk(2), chunk(3)]],
    ['added', () => [chunk(0), chunk(1), chunk(2), chunk(3), Buffer.from('more')]],
  ])('is refused: %s', async (how, chunks) => {
    const changed = Buffer.concat([file.subarray(0, payloadStart), ...chunks()])
    expect((await outcome(changed)).code).toBe(how === 'added' ? 'DECRYPT_TRUNCATED' : 'DECRYPT_TAMPERED')
  })
})

describe('a file that was cut off', () => {
  it('is refused wherever in its header or nonce that was', async () => {
    expect((await outcome(Buffer.alloc(0))).code).toBe('DECRYPT_NOT_AGE')
    for (let end = 1; end <= payloadStart; end++) {
      expect([end, await outcome(file.subarray(0, end))]).toEqual([end, { code: 'DECRYPT_TRUNCATED', bytes: 0 }])
    }
  })

  it.each([1, 2, 3])('after %i whole chunks is known for one, though all that is left is sound', async (chunks) => {
    const cut = file.subarray(0, payloadStart + chunks * sealedChunkBytes)
    expect(await outcome(cut)).toEqual({ code: 'DECRYPT_TRUNCATED', bytes: chunks * 65_536 })
    expect((await outcome(file.subarray(0, cut.length + 15))).code).toBe('DECRYPT_TRUNCATED')
  })

  it('inside a chunk is called cut off after good chunks, and damaged when it is the only one', async () => {
    for (const end of [payloadStart + 16, payloadStart + 40_000]) {
      expect(await outcome(file.subarray(0, end))).toEqual({ code: 'DECRYPT_TAMPERED', bytes: 0 })
    }
    for (const end of [payloadStart + 2 * sealedChunkBytes - 1, file.length - 1]) {
      const { code, bytes } = await outcome(file.subarray(0, end))
      expect([code, bytes % 65_536]).toEqual(['DECRYPT_TRUNCATED', 0])
    }
  })

  it('is known for one in its armor', async () => {
    const armored = Buffer.from(
      `-----BEGIN AGE ENCRYPTED FILE-----\n${(file.toString('base64').match(/.{1,64}/g) ?? []).join('\n')}\n`,
    )
    expect((await outcome(armored)).code).toBe('DECRYPT_TRUNCATED')
    const whole = Buffer.concat([armored, Buffer.from('-----END AGE ENCRYPTED FILE-----')])
    expect(await outcome(whole)).toEqual({ code: 'none', bytes: plain.length })
  })
})

describe('keys that do not fit', () => {
  it.each([
    ['another identity', () => sealed({ recipients: [key.recipient] }), () => ({ identities: [other.identity] })],
    ['a password for a file to a key', () => sealed({ recipients: [key.recipient] }), () => ({ password: 'secret' })],
    ['an identity for a file with a password', () => sealed({ password: 'x' }), () => ({ identities: [key.identity] })],
  ])('%s: DECRYPT_NO_MATCHING_KEY', async (_what, bytes, keys) => {
    expect(await outcome(await bytes(), keys())).toEqual({ code: 'DECRYPT_NO_MATCHING_KEY', bytes: 0 })
  })

  it('another password: DECRYPT_WRONG_PASSWORD', async () => {
    const bytes = await sealed({ password: 'secret' })
    expect(await outcome(bytes, { password: 'Secret' })).toEqual({ code: 'DECRYPT_WRONG_PASSWORD', bytes: 0 })
    expect(await outcome(bytes, { password: 'secret' })).toEqual({ code: 'none', bytes: plain.length })
  })
})

describe('a hostile header', () => {
  const header = (...lines: string[]): Buffer => Buffer.from(`age-encryption.org/v1\n${lines.join('\n')}`)
  const body = 'A'.repeat(43)

  it('cannot ask for more scrypt work than 2^20', async () => {
    for (const logN of ['21', '64', '4294967296', '9'.repeat(400)]) {
      const bytes = header(`-> scrypt ${'A'.repeat(22)} ${logN}`, body, `--- ${body}`, 'payload'.repeat(9))
      expect((await outcome(bytes, { password: 'x' })).code).toBe('DECRYPT_WORK_FACTOR')
    }
  })

  it('cannot be larger than 64 KiB, and no more of it is read', async () => {
    let readBytes = 0
    const endless = async function* (): AsyncGenerator<Buffer> {
      yield header('')
      for (;;) {
        readBytes += 1000
        yield Buffer.from(`-> X25519 ${'A'.repeat(989)}\n`)
      }
    }
    const opening = decryptWith({ identities: [key.identity] }, endless())
    await expect(opening).rejects.toMatchObject({ code: 'DECRYPT_HEADER_TOO_LARGE', status: 422 })
    expect(readBytes).toBeLessThan(70_000)
  })

  it('cannot have a password beside other keys', async () => {
    const bytes = header(`-> scrypt ${'A'.repeat(22)} 10`, body, '-> grease x', '', `--- ${body}`, '')
    expect((await outcome(bytes, { password: 'x' })).code).toBe('DECRYPT_TAMPERED')
  })

  it.each(['', 'PK\u0003\u0004 a zip file', 'age-encryption.org/v2\n-> X25519', '-----BEGIN CERTIFICATE-----\nAAAA\n'])(
    'is no age file: %j',
    async (text) => {
      expect((await outcome(Buffer.from(text))).code).toBe('DECRYPT_NOT_AGE')
    },
  )
})

describe('keys that no file can be encrypted to', () => {
  const secret = 'AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX'
  const recipient = 'age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj'

  it.each<[string, EncryptionKeys, string[]]>([
    ['none', {}, ['password']],
    ['no recipients', { recipients: [] }, ['password']],
    ['an empty password', { password: '' }, ['password']],
    ['half a character', { password: 'a\ud83d' }, ['password']],
    ['both kinds', { password: 'x', recipients: [recipient] }, ['recipients']],
    ['bad recipients', { recipients: ['age1', recipient, secret, `${recipient.slice(0, -1)}q`] }, ['0', '2', '3']],
    ['a hundred and one', { recipients: Array.from({ length: 101 }, () => recipient) }, ['recipients']],
  ])('%s', async (_what, keys, fields) => {
    const error: unknown = await encryptTo(keys).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'ENCRYPTION_KEYS_INVALID', status: 400 })
    const errors = error instanceof AppError ? error.details['errors'] : undefined
    const named = fields.map((field) => (/^\d/.test(field) ? `recipients.${field}` : field))
    expect(errors).toEqual(named.map((field) => ({ field, message: expect.any(String) })))
    expect(JSON.stringify(errors)).not.toContain(secret)
  })

  it('refuses identities that are none, without repeating them', async () => {
    const opening = decryptWith({ identities: [recipient, secret.toLowerCase()] }, inPieces(file, 100))
    const error: unknown = await opening.catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'ENCRYPTION_KEYS_INVALID', details: { errors: [{}, {}] } })
    expect(JSON.stringify(error).toUpperCase()).not.toContain(secret)
    await expect(decryptWith({}, inPieces(file, 100))).rejects.toMatchObject({ code: 'ENCRYPTION_KEYS_INVALID' })
  })
})
