import { AppError } from '../errors.ts'
import type { DeclaredDigest } from '../uploads/digest.ts'

const lengthBytes = { 'sha-256': 32, 'sha-512': 64 } as const

/**
 * Reads `Content-Digest` (RFC 9530: a dictionary of byte sequences, `sha-256=:…:`). Algorithms other than sha-256 and
 * sha-512 are passed over, as the RFC wants. Throws DIGEST_INVALID when the field cannot be read.
 */
export function parseContentDigest(field: string | undefined): DeclaredDigest[] {
  if (field === undefined) return []
  return field.split(',').flatMap((member) => {
    const match = /^[ \t]*([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/]*={0,2}):[ \t]*$/.exec(member)
    if (!match) throw invalid('Content-Digest must look like sha-256=:<base64>:')
    const [, algorithm = '', encoded = ''] = match
    if (algorithm !== 'sha-256' && algorithm !== 'sha-512') return []
    const digest = Buffer.from(encoded, 'base64')
    if (digest.length !== lengthBytes[algorithm]) {
      throw invalid(`A ${algorithm} digest has ${lengthBytes[algorithm]} bytes, not ${digest.length}.`)
    }
    return [{ algorithm, digest }]
  })
}

function invalid(message: string): AppError {
  return new AppError('DIGEST_INVALID', message, { details: { field: 'Content-Digest' } })
}
