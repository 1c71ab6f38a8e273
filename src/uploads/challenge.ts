import { createHash, randomBytes, randomInt, timingSafeEqual } from 'node:crypto'
import type { UploadChallenge } from '../contract/upload.ts'
import { type Challenge, type ChallengeRange, findChallenge, insertChallenge } from '../db/challenges.ts'
import type { Query } from '../db/connect.ts'
import type { Storage } from '../storage/contract.ts'

const nonceBytes = 32
/** Who lacks a tenth of the bytes gets through once in 850 tries; a try costs an upload. */
const rangesCount = 64
const rangeBytes = 4096
const readsAtOnce = 8

/** Asks the client of a new upload to show that it has the bytes. Undefined for a file without any: nothing would be shown. */
export async function issueChallenge(
  query: Query,
  { taskId, sizeBytes }: { taskId: string; sizeBytes: number },
): Promise<UploadChallenge | undefined> {
  if (sizeBytes === 0) return undefined
  const challenge = { nonce: randomBytes(nonceBytes), ranges: chooseRanges(sizeBytes) }
  const expiresAt = await insertChallenge(query, { taskId, ...challenge })
  return presentChallenge({ ...challenge, expiresAt })
}

/** What the client of an upload is still asked for. */
export async function openChallenge(query: Query, taskId: string): Promise<UploadChallenge | undefined> {
  const challenge = await findChallenge(query, taskId)
  return challenge && presentChallenge(challenge)
}

function presentChallenge({ nonce, ranges, expiresAt }: Challenge): UploadChallenge {
  return { nonce: nonce.toString('hex'), ranges, expiresAt: expiresAt.toISOString() }
}

/** Stretches that nobody can foretell, in order and apart: one from each part of the file; all of a small one. */
export function chooseRanges(sizeBytes: number): ChallengeRange[] {
  if (sizeBytes <= rangesCount * rangeBytes) return [{ offset: 0, length: sizeBytes }]
  const part = sizeBytes / rangesCount
  return Array.from({ length: rangesCount }, (_, index) => {
    const first = Math.ceil(index * part)
    const last = Math.floor((index + 1) * part) - rangeBytes
    // randomInt goes up to 2^48 in one step; files may be larger, parts of them are not.
    return { offset: first + randomInt(Math.max(1, last - first + 1)), length: rangeBytes }
  })
}

/** Whether the proof is the SHA-256 of the nonce and then the stretches, as a stored object has them. */
export async function isProven(
  storage: Pick<Storage, 'read'>,
  objectKey: string,
  { nonce, ranges }: Pick<Challenge, 'nonce' | 'ranges'>,
  proof: Buffer,
): Promise<boolean> {
  const hash = createHash('sha256').update(nonce)
  for (let first = 0; first < ranges.length; first += readsAtOnce) {
    const some = ranges.slice(first, first + readsAtOnce)
    const read = await Promise.all(some.map((range) => readRange(storage, objectKey, range)))
    for (const bytes of read) {
      if (!bytes) return false
      hash.update(bytes)
    }
  }
  const expected = hash.digest()
  return proof.length === expected.length && timingSafeEqual(proof, expected)
}

async function readRange(
  storage: Pick<Storage, 'read'>,
  objectKey: string,
  { offset, length }: ChallengeRange,
): Promise<Buffer | undefined> {
  const stream = await storage.read(objectKey, { startBytes: offset, lengthBytes: length })
  if (!stream) return undefined
  const pieces: Buffer[] = []
  for await (const piece of stream) {
    if (!Buffer.isBuffer(piece)) throw new TypeError('a stored object is read as bytes')
    pieces.push(piece)
  }
  return Buffer.concat(pieces)
}
