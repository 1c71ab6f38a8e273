import { AppError } from '../errors.ts'
import { isArmored, unarmor } from './armor.ts'
import { Front, skipBytes } from '../front.ts'
import { checkDecryptionKeys, type DecryptionKeys } from './keys.ts'
import { payloadKey, transform } from './payload.ts'
import { nonceBytes, sealedChunkBytes } from './sizes.ts'
import { onThisThread, type Workforce } from './threads.ts'
import { orAbort, untilAborted } from './until-aborted.ts'

export type DecryptOptions = {
  /** Ends the work with its reason. */
  signal?: AbortSignal
  /** Who decrypts; unless given, the thread that asks. */
  workforce?: Workforce
  /** As for encrypting: a piece is the reader's only until it asks for the next one. */
  lendsPieces?: boolean
  /** The most work a password may cost: 2^20 takes 1 GiB of memory for some seconds. */
  maxScryptLogN?: number
  /** So many chunks of 64 KiB are passed over: they were opened before, and others follow them. Not of an armored file. */
  skipChunks?: number
}

const defaultMaxLogN = 20

export type Opened = {
  plaintext: AsyncGenerator<Buffer>
  /** Where the chunks begin; undefined in an armored file. */
  payloadStartBytes: number | undefined
}

/**
 * Opens an age file (age-encryption.org/v1, binary or armored) with whichever key fits, and answers its plaintext as a
 * stream once the header has been checked. The plaintext is whole only when the stream has ended without an error: keep
 * what came before one from everybody. Pieces have memory of their own unless they are lent. The source is read no faster than the plaintext,
 * and closed at the end.
 *
 * Throws ENCRYPTION_KEYS_INVALID, DECRYPT_NOT_AGE, DECRYPT_WRONG_PASSWORD, DECRYPT_NO_MATCHING_KEY, DECRYPT_WORK_FACTOR,
 * DECRYPT_HEADER_TOO_LARGE; this and the stream throw DECRYPT_TRUNCATED, DECRYPT_TAMPERED and the signal's reason.
 */
export async function decryptWith(
  keys: DecryptionKeys,
  source: AsyncIterable<Buffer>,
  options: DecryptOptions = {},
): Promise<AsyncGenerator<Buffer>> {
  return (await openAge(keys, source, options)).plaintext
}

/** The same, with what one has to know to go on with it later: `skipChunks`. */
export async function openAge(
  keys: DecryptionKeys,
  source: AsyncIterable<Buffer>,
  options: DecryptOptions = {},
): Promise<Opened> {
  const { signal, workforce = onThisThread(), lendsPieces = false, maxScryptLogN = defaultMaxLogN } = options
  const { skipChunks = 0 } = options
  checkDecryptionKeys(keys)
  const { openHeader, takeHeader } = await import('./header.ts')
  const { front, isBinary } = await findStart(new Front(untilAborted(source, signal)))
  try {
    const header = await takeHeader(front)
    const fileKey = await orAbort(openHeader(header, keys, maxScryptLogN), signal)
    const nonce = await front.take(nonceBytes)
    if (nonce.length < nonceBytes) throw new AppError('DECRYPT_TRUNCATED', 'The file ends after its header.')
    const how = { key: payloadKey(fileKey, nonce), workforce, lendsPieces, firstChunk: skipChunks }
    const payload = skipBytes(front.rest(), skipChunks * sealedChunkBytes)
    const payloadStartBytes = isBinary ? header.length + nonceBytes : undefined
    return { plaintext: transform({ ...how, kind: 'open' }, payload), payloadStartBytes }
  } catch (error) {
    await front.close()
    throw error
  }
}

/** The front of the binary file, which may be inside an armor. */
async function findStart(front: Front): Promise<{ front: Front; isBinary: boolean }> {
  try {
    if (!isArmored(await front.peek(1024))) return { front, isBinary: true }
    return { front: new Front(unarmor(front.rest())), isBinary: false }
  } catch (error) {
    await front.close()
    throw error
  }
}
