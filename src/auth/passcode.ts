import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'

// 32 MiB and about 0.1 s for each try (RFC 7914 §2).
const cost = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 1024 * 1024 }
const saltBytes = 16
const hashBytes = 32

/** The hash of a passcode as it may be stored: `scrypt$salt$hash`. */
export async function hashPasscode(passcode: string): Promise<string> {
  const salt = randomBytes(saltBytes)
  return `scrypt$${salt.toString('base64url')}$${(await derive(passcode, salt)).toString('base64url')}`
}

/** Whether a passcode is the one of a hash; takes the same time either way. */
export async function isPasscode(passcode: string, stored: string): Promise<boolean> {
  const [, salt = '', hash = ''] = stored.split('$')
  const expected = Buffer.from(hash, 'base64url')
  const given = await derive(passcode, Buffer.from(salt, 'base64url'))
  return expected.length === given.length && timingSafeEqual(expected, given)
}

// Node runs as many at once as its thread pool has threads (4), which bounds their memory.
function derive(passcode: string, salt: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(passcode.normalize('NFC'), salt, hashBytes, cost, (error, hash) => (error ? reject(error) : resolve(hash)))
  })
}
