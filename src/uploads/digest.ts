import { createHash } from 'node:crypto'
import { AppError } from '../errors.ts'

/** A digest that the sender declared for a body (RFC 9530). */
export type DeclaredDigest = { algorithm: 'sha-256' | 'sha-512'; digest: Buffer }

export type DigestCheck = {
  update: (piece: Buffer) => void
  /** Throws DIGEST_MISMATCH when the body is not the declared one. */
  finish: () => void
}

/** Checks a body against its declared digests as it streams by. Costs nothing when none was declared. */
export function createDigestCheck(declared: readonly DeclaredDigest[]): DigestCheck {
  const checks = declared.map((one) => ({ ...one, hash: createHash(one.algorithm.replace('-', '')) }))
  return {
    update: (piece) => {
      for (const { hash } of checks) hash.update(piece)
    },
    finish: () => {
      const wrong = checks.find(({ hash, digest }) => !hash.digest().equals(digest))
      if (!wrong) return
      throw new AppError('DIGEST_MISMATCH', `The body does not match its ${wrong.algorithm} digest; send it again.`, {
        details: { algorithm: wrong.algorithm },
      })
    },
  }
}
