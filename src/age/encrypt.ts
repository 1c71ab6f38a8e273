import { randomBytes } from 'node:crypto'
import { checkEncryptionKeys, type EncryptionKeys } from './keys.ts'
import { payloadKey, type Transformation, transform } from './payload.ts'
import { encryptedSize, nonceBytes } from './sizes.ts'
import { onThisThread, type Workforce } from './threads.ts'
import { orAbort, untilAborted } from './until-aborted.ts'

export type PayloadOptions = {
  /** Ends the work with its reason. */
  signal?: AbortSignal
  /** Who encrypts; unless given, the thread that asks. */
  workforce?: Workforce
  /**
   * Makes a piece the reader's only until it asks for the next one, which spares new memory for each. For a reader that
   * has written a piece before it asks; not for a Node stream, which reads ahead.
   */
  lendsPieces?: boolean
}

export type EncryptOptions = PayloadOptions & {
  /** The password's work: 2^18 takes about a second and 256 MiB. Less than `scryptLogN` is for tests alone. */
  scryptLogN?: number
}

export type Encryption = {
  header: Buffer
  /** The exact size of the age file, header included, for a plaintext of this size. */
  encryptedSizeBytes: (plaintextSizeBytes: number) => number
  /**
   * The age file of a plaintext, header first. Pieces have memory of their own unless
   * they are lent. Reads no faster than it is read, and
   * closes the source when it ends, fails, or its reader stops. Can be called once: a file key is for one file.
   */
  encrypt: (source: AsyncIterable<Buffer>) => AsyncGenerator<Buffer>
  /** What `continueEncryption` needs. Whoever has it can read the file. */
  key: Uint8Array
}

/**
 * The work of a password in jobs: 128 MiB, so that a job stays within 150 MB. The age command's own is 2^18.
 */
export const scryptLogN = 17

const defaultLogN = 18

/**
 * Prepares the encryption of one file in the format age-encryption.org/v1 (c2sp.org/age), for a password or for X25519
 * recipients. Throws ENCRYPTION_KEYS_INVALID.
 */
export async function encryptTo(keys: EncryptionKeys, options: EncryptOptions = {}): Promise<Encryption> {
  const { signal, workforce = onThisThread(), lendsPieces = false, scryptLogN: logN = defaultLogN } = options
  checkEncryptionKeys(keys)
  const { writeHeader } = await import('./header.ts')
  const { header, fileKey } = await orAbort(writeHeader(keys, logN), signal)
  const nonce = randomBytes(nonceBytes)
  const key = payloadKey(fileKey, nonce)
  let isUsed = false
  return {
    header,
    key,
    encryptedSizeBytes: (plaintextSizeBytes) => encryptedSize(header.length, plaintextSizeBytes),
    encrypt: (source) => {
      if (isUsed) throw new Error('a file key is for one file')
      isUsed = true
      return encryptFile(Buffer.concat([header, nonce]), { key, workforce, lendsPieces }, untilAborted(source, signal))
    },
  }
}

/**
 * Goes on with an encryption of which so many whole chunks are written: the rest of the file, of the rest of its plaintext,
 * which must not be empty. Never to be given another plaintext than the key was made for.
 */
export function continueEncryption(
  { key, chunks }: { key: Uint8Array; chunks: number },
  source: AsyncIterable<Buffer>,
  { signal, workforce = onThisThread(), lendsPieces = false }: PayloadOptions = {},
): AsyncGenerator<Buffer> {
  const how = { key, workforce, lendsPieces, firstChunk: chunks }
  return transform({ ...how, kind: 'seal' }, untilAborted(source, signal))
}

async function* encryptFile(
  start: Buffer,
  how: Omit<Transformation, 'kind'>,
  source: AsyncIterable<Buffer>,
): AsyncGenerator<Buffer> {
  yield start
  yield* transform({ ...how, kind: 'seal' }, source)
}
