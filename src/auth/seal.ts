import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'

/** Seals with the first key; opens with whichever sealed. */
export type Sealer = {
  /** What `subject` (a task's id) may have kept. Opens for the same subject only. */
  seal: (subject: string, plaintext: string) => Buffer
  /** Throws SealError when the key is not known any more, or the sealed bytes are not what `seal` gave for the subject. */
  open: (subject: string, sealed: Buffer) => string
}

/** A sealed secret cannot be opened. Its message names the key that is missing, never what is sealed. */
export class SealError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'SealError'
  }
}

const version = 1
const ivBytes = 12
const tagBytes = 16

/**
 * Keys of 32 bytes, the newest first; none gives no sealer. Sealed bytes are AES-256-GCM (NIST SP 800-38D): version, length
 * and name of the key, nonce, tag, ciphertext. A key's name is the beginning of its SHA-256.
 */
export function createSealer(keys: readonly Buffer[]): Sealer | undefined {
  const named = keys.map((key) => ({ id: createHash('sha256').update(key).digest('hex').slice(0, 8), key }))
  const [newest] = named
  if (newest === undefined) return undefined
  const byId = new Map(named.map((one) => [one.id, one.key]))
  return {
    seal: (subject, plaintext) => {
      const header = Buffer.concat([Buffer.from([version, newest.id.length]), Buffer.from(newest.id, 'ascii')])
      const iv = randomBytes(ivBytes)
      const cipher = createCipheriv('aes-256-gcm', newest.key, iv)
      cipher.setAAD(Buffer.concat([header, Buffer.from(subject)]))
      const ciphertext = Buffer.concat([cipher.update(plaintext, 'utf8'), cipher.final()])
      return Buffer.concat([header, iv, cipher.getAuthTag(), ciphertext])
    },
    open: (subject, sealed) => open(byId, subject, sealed),
  }
}

function open(keys: ReadonlyMap<string, Buffer>, subject: string, sealed: Buffer): string {
  const idBytes = sealed[1] ?? 0
  const headerBytes = 2 + idBytes
  if (sealed[0] !== version || sealed.length < headerBytes + ivBytes + tagBytes)
    throw new SealError('It is not sealed.')
  const id = sealed.toString('ascii', 2, headerBytes)
  const key = keys.get(id)
  if (!key) throw new SealError(`It was sealed with the key ${id}, which SECRETS_KEYS does not have.`)
  const [iv, tag, ciphertext] = [
    sealed.subarray(headerBytes, headerBytes + ivBytes),
    sealed.subarray(headerBytes + ivBytes, headerBytes + ivBytes + tagBytes),
    sealed.subarray(headerBytes + ivBytes + tagBytes),
  ]
  const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: tagBytes })
  decipher.setAAD(Buffer.concat([sealed.subarray(0, headerBytes), Buffer.from(subject)]))
  decipher.setAuthTag(tag)
  try {
    return Buffer.concat([decipher.update(ciphertext), decipher.final()]).toString('utf8')
  } catch {
    throw new SealError(`It does not open with the key ${id}.`)
  }
}
