import { bech32 } from '@scure/base'
import { AppError } from '../errors.ts'

/** What to encrypt to: a password, or recipients (`age1…`). Never both: an age file with a password has no other key. */
export type EncryptionKeys = { password?: string | undefined; recipients?: readonly string[] | undefined }

/** What to decrypt with: a password, identities (`AGE-SECRET-KEY-1…`), or both; what fits the file is used. */
export type DecryptionKeys = { password?: string | undefined; identities?: readonly string[] | undefined }

type Problem = { field: string; message: string }

/** Bounds the header we write; each recipient takes about 110 bytes of it. */
const maxRecipients = 100
/** Each identity is tried on each of a file's recipients. */
const maxIdentities = 20

/** Throws ENCRYPTION_KEYS_INVALID, with every bad field in `details.errors`, unless a file can be encrypted to these. */
export function checkEncryptionKeys({ password, recipients = [] }: EncryptionKeys): void {
  const problems = [...passwordProblems(password)]
  if (password !== undefined && recipients.length > 0) {
    const message = 'must be left out beside a password: an age file has either a password or recipients'
    problems.push({ field: 'recipients', message })
  }
  if (password === undefined && recipients.length === 0) {
    problems.push({ field: 'password', message: 'give a password, or recipients' })
  }
  if (recipients.length > maxRecipients) {
    problems.push({ field: 'recipients', message: `must be at most ${maxRecipients}` })
  }
  for (const [index, recipient] of recipients.slice(0, maxRecipients).entries()) {
    if (isRecipient(recipient)) continue
    problems.push({ field: `recipients.${index}`, message: recipientAdvice(recipient) })
  }
  refuse(problems)
}

/** Throws ENCRYPTION_KEYS_INVALID, with every bad field in `details.errors`, unless these can decrypt a file. */
export function checkDecryptionKeys({ password, identities = [] }: DecryptionKeys): void {
  const problems = [...passwordProblems(password)]
  if (password === undefined && identities.length === 0) {
    problems.push({ field: 'password', message: 'give a password, or identities' })
  }
  if (identities.length > maxIdentities) {
    problems.push({ field: 'identities', message: `must be at most ${maxIdentities}` })
  }
  for (const [index, identity] of identities.slice(0, maxIdentities).entries()) {
    if (isIdentity(identity)) continue
    problems.push({ field: `identities.${index}`, message: 'must be an X25519 identity (AGE-SECRET-KEY-1…)' })
  }
  refuse(problems)
}

function passwordProblems(password: string | undefined): Problem[] {
  if (password === undefined) return []
  if (password === '') return [{ field: 'password', message: 'must not be empty' }]
  // Half of a surrogate pair has no UTF-8, and what would stand for it opens no file elsewhere.
  return password.isWellFormed() ? [] : [{ field: 'password', message: 'must be well-formed Unicode' }]
}

/** The library takes other kinds too. Their arithmetic is done in JavaScript and would hold up the event loop. */
function isRecipient(recipient: string): boolean {
  return /^age1[02-9ac-hj-np-z]{58}$/.test(recipient) && isWhole(recipient)
}

function isIdentity(identity: string): boolean {
  return /^AGE-SECRET-KEY-1[02-9AC-HJ-NP-Z]{58}$/.test(identity) && isWhole(identity)
}

/** Whether its checksum and its padding fit. The library itself is loaded when there is work for it: few processes ever need it. */
function isWhole(key: string): boolean {
  const words = bech32.decodeUnsafe(key)?.words
  return words !== undefined && bech32.fromWordsUnsafe(words) !== undefined
}

function recipientAdvice(recipient: string): string {
  if (/^AGE-SECRET-KEY-/i.test(recipient)) return 'is a secret identity; give its recipient (age1…)'
  return 'must be an X25519 recipient (age1…)'
}

function refuse(errors: Problem[]): void {
  if (errors.length > 0)
    throw new AppError('ENCRYPTION_KEYS_INVALID', 'The keys are not valid.', { details: { errors } })
}
