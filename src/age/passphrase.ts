import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto'
import { type Identity, type Recipient, Stanza } from 'age-encryption'
import { AppError } from '../errors.ts'

// The scrypt recipient type of c2sp.org/age, on Node's own scrypt: it runs on a thread of libuv. The library's runs in
// JavaScript and holds the event loop up for seconds.

const label = 'age-encryption.org/v1/scrypt'
const saltBytes = 16
const keyBytes = 32
const fileKeyBytes = 16
const tagBytes = 16
const algorithm = 'chacha20-poly1305'
/** The wrapping key is used once, so the format fixes its nonce. */
const zeroNonce = Buffer.alloc(12)

/** Wraps the file key with a password. The work costs 2^`logN` KiB of memory for its time. */
export function passphraseRecipient(password: string, logN: number): Recipient {
  return {
    wrapFileKey: async (fileKey) => {
      const salt = randomBytes(saltBytes)
      const cipher = createCipheriv(algorithm, await deriveKey(password, salt, logN), zeroNonce, {
        authTagLength: tagBytes,
      })
      const body = Buffer.concat([cipher.update(fileKey), cipher.final(), cipher.getAuthTag()])
      return [new Stanza(['scrypt', encodeBase64(salt), String(logN)], body)]
    },
  }
}

/**
 * Unwraps the file key with a password; null when it is the wrong one, or the file has none. Throws DECRYPT_WORK_FACTOR
 * for a file that asks for more work than 2^`maxLogN`, before any of it is done, and DECRYPT_TAMPERED for a stanza that
 * the format does not allow.
 */
export function passphraseIdentity(password: string, maxLogN: number): Identity {
  return {
    unwrapFileKey: async (stanzas) => {
      const stanza = stanzas.find(({ args }) => args[0] === 'scrypt')
      if (stanza === undefined) return null
      const { salt, logN, body } = readStanza(stanza)
      if (logN > maxLogN) throw tooMuchWork(logN, maxLogN)
      return unwrap(body, await deriveKey(password, salt, logN))
    },
  }
}

function readStanza({ args, body }: Stanza): { salt: Buffer; logN: number; body: Buffer } {
  const [, encodedSalt = '', factor = ''] = args
  const salt = Buffer.from(encodedSalt, 'base64')
  const isSalt = salt.length === saltBytes && encodeBase64(salt) === encodedSalt
  if (args.length !== 3 || !isSalt || !/^[1-9][0-9]*$/.test(factor) || body.length !== fileKeyBytes + tagBytes) {
    throw new AppError('DECRYPT_TAMPERED', 'The file is damaged: the record of its password is not a valid one.')
  }
  return { salt, logN: Number(factor), body: Buffer.from(body) }
}

function unwrap(body: Buffer, key: Buffer): Uint8Array | null {
  const decipher = createDecipheriv(algorithm, key, zeroNonce, { authTagLength: tagBytes })
  decipher.setAuthTag(body.subarray(fileKeyBytes))
  const fileKey = decipher.update(body.subarray(0, fileKeyBytes))
  try {
    decipher.final()
    return fileKey
  } catch {
    return null
  }
}

async function deriveKey(password: string, salt: Buffer, logN: number): Promise<Buffer> {
  const cost = 2 ** logN
  const blockSize = 8
  // What scrypt holds is 128 · r · N bytes and a little; Node refuses anything above maxmem.
  const maxmem = 128 * blockSize * cost + 1024 * 1024
  return new Promise((resolve, reject) => {
    const parameters = { N: cost, r: blockSize, p: 1, maxmem }
    scrypt(password, Buffer.concat([Buffer.from(label), salt]), keyBytes, parameters, (error, key) => {
      if (error) reject(error)
      else resolve(key)
    })
  })
}

function encodeBase64(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('=', '')
}

function tooMuchWork(logN: number, maxLogN: number): AppError {
  const message = `The file asks for scrypt work of 2^${logN}; this server does at most 2^${maxLogN}.`
  return new AppError('DECRYPT_WORK_FACTOR', message, { details: { logN, maxLogN } })
}
