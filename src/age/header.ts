import { Decrypter, Encrypter, type Identity, type Stanza } from 'age-encryption'
import { AppError } from '../errors.ts'
import type { Front } from '../front.ts'
import type { DecryptionKeys, EncryptionKeys } from './keys.ts'
import { passphraseIdentity, passphraseRecipient } from './passphrase.ts'
import { nonceBytes, tagBytes } from './sizes.ts'

const versionPrefix = 'age-encryption.org/'
const versionLine = `${versionPrefix}v1\n`
/** Room for about 600 recipients. It is held in memory, and every identity is tried on every one of them. */
const maxHeaderBytes = 64 * 1024

/** Makes a file key and the header that wraps it. Throws ENCRYPTION_KEYS_INVALID when a recipient cannot be used. */
export async function writeHeader(
  { password, recipients = [] }: EncryptionKeys,
  logN: number,
): Promise<{ header: Buffer; fileKey: Buffer }> {
  const encrypter = new Encrypter()
  if (password !== undefined) encrypter.addRecipient(passphraseRecipient(password, logN))
  for (const recipient of recipients) encrypter.addRecipient(recipient)
  let fileKey = Buffer.alloc(0)
  // The library makes the file key, and shows it to recipients alone. This one takes no place in the header.
  encrypter.addRecipient({
    wrapFileKey: (key) => {
      fileKey = Buffer.from(key)
      return []
    },
  })
  const empty = await encrypter.encrypt(new Uint8Array()).catch((error: unknown) => {
    if (password !== undefined) throw error
    throw new AppError('ENCRYPTION_KEYS_INVALID', 'A recipient is no usable key.', { cause: error })
  })
  // An age file of nothing is its header, a nonce and one tag.
  return { header: Buffer.from(empty.subarray(0, empty.length - nonceBytes - tagBytes)), fileKey }
}

/**
 * Takes the header from the beginning of a file. Throws DECRYPT_NOT_AGE, DECRYPT_TRUNCATED, DECRYPT_TAMPERED, and
 * DECRYPT_HEADER_TOO_LARGE above 64 KiB.
 */
export async function takeHeader(front: Front): Promise<Buffer> {
  for (let wantedBytes = 1024; ; wantedBytes *= 2) {
    const seen = await front.peek(wantedBytes)
    checkVersion(seen)
    const endBytes = headerEnd(seen)
    if (endBytes !== undefined) return front.take(endBytes)
    if (seen.length < wantedBytes) throw new AppError('DECRYPT_TRUNCATED', 'The file ends within its header.')
    if (wantedBytes >= maxHeaderBytes) {
      throw new AppError('DECRYPT_HEADER_TOO_LARGE', `The file's header is larger than ${maxHeaderBytes} bytes.`)
    }
  }
}

/**
 * Unwraps the file key with whichever key fits, and checks the header's MAC. Throws DECRYPT_WRONG_PASSWORD,
 * DECRYPT_NO_MATCHING_KEY, DECRYPT_WORK_FACTOR, and DECRYPT_TAMPERED for a header that is not as it was written.
 */
export async function openHeader(header: Buffer, keys: DecryptionKeys, maxLogN: number): Promise<Buffer> {
  const decrypter = new Decrypter()
  // The library asks one identity after the other, so the first sees what was parsed, and the last that none fitted.
  decrypter.addIdentity(seeing(refuseMixture))
  if (keys.password !== undefined) decrypter.addIdentity(passphraseIdentity(keys.password, maxLogN))
  for (const identity of keys.identities ?? []) decrypter.addIdentity(identity)
  decrypter.addIdentity(
    seeing((stanzas) => {
      throw noMatch(stanzas, keys)
    }),
  )
  try {
    return Buffer.from(await decrypter.decryptHeader(header))
  } catch (error) {
    if (error instanceof AppError) throw error
    throw new AppError('DECRYPT_TAMPERED', 'The file is damaged: its header is not as it was written.', {
      cause: error,
    })
  }
}

function checkVersion(seen: Buffer): void {
  const start = seen.toString('latin1', 0, versionLine.length)
  if (start === versionLine) return
  if (start !== '' && start.length === seen.length && versionLine.startsWith(start)) {
    throw new AppError('DECRYPT_TRUNCATED', 'The file ends within its header.')
  }
  if (start.startsWith(versionPrefix)) {
    throw new AppError('DECRYPT_NOT_AGE', 'The file is of another version of the age format than v1.')
  }
  throw new AppError('DECRYPT_NOT_AGE', 'The file is not an age file.')
}

/** Where the payload begins; undefined when the header goes on. A body's lines have no hyphen, arguments begin with one. */
function headerEnd(seen: Buffer): number | undefined {
  const mark = seen.indexOf('\n---')
  const end = mark === -1 ? -1 : seen.indexOf('\n', mark + 1)
  const header = end === -1 ? seen : seen.subarray(0, end)
  if (header.some((byte) => byte !== 0x0a && (byte < 0x20 || byte > 0x7e))) {
    throw new AppError('DECRYPT_TAMPERED', 'The file is damaged: its header is not text.')
  }
  return end === -1 ? undefined : end + 1
}

function seeing(look: (stanzas: Stanza[]) => void): Identity {
  return {
    unwrapFileKey: (stanzas) => {
      look(stanzas)
      return null
    },
  }
}

function refuseMixture(stanzas: Stanza[]): void {
  if (stanzas.length === 1 || !stanzas.some(isPassphrase)) return
  throw new AppError('DECRYPT_TAMPERED', 'The file is not valid: it has a password and other keys beside it.')
}

function noMatch(stanzas: Stanza[], { password, identities = [] }: DecryptionKeys): AppError {
  if (!stanzas.some(isPassphrase)) {
    const wanted = identities.length > 0 ? 'none of the identities given' : 'an identity, not to a password'
    return new AppError('DECRYPT_NO_MATCHING_KEY', `The file is encrypted to ${wanted}.`)
  }
  if (password === undefined) return new AppError('DECRYPT_NO_MATCHING_KEY', 'The file is encrypted with a password.')
  return new AppError('DECRYPT_WRONG_PASSWORD', 'The password is not the one that the file was encrypted with.')
}

function isPassphrase({ args }: Stanza): boolean {
  return args[0] === 'scrypt'
}
