import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { AppError, systemCode } from '../errors.ts'

const fileName = 'sign-in-code'
const kept = z.object({ codeHash: z.string(), token: z.string() })

/**
 * Makes a code that can be traded for this token once, and answers it. It is kept as a hash, beside the token, in a file of the data
 * folder that only its owner can read; one that was made before does not count any more.
 */
export async function makeSignInCode(dataDir: string, token: string): Promise<string> {
  const code = randomBytes(24).toString('base64url')
  const draft = join(dataDir, `${fileName}.${randomBytes(6).toString('hex')}`)
  await writeFile(draft, JSON.stringify({ codeHash: hashOf(code), token }), { mode: 0o600 })
  await rename(draft, join(dataDir, fileName))
  return code
}

/** Withdraws the code that was made last, if nobody has used it. */
export async function dropSignInCode(dataDir: string): Promise<void> {
  await rm(join(dataDir, fileName), { force: true })
}

/** Answers the token for a code. Of several that bring the same code at once one gets it. Throws SIGN_IN_CODE_UNKNOWN. */
export async function redeemSignInCode(dataDir: string, code: string): Promise<string> {
  const path = join(dataDir, fileName)
  const text = await orGone(readFile(path, 'utf8'))
  const { codeHash, token } = kept.parse(JSON.parse(text))
  if (!timingSafeEqual(Buffer.from(codeHash), Buffer.from(hashOf(code)))) throw unknownCode()
  await orGone(rm(path))
  return token
}

async function orGone<Answer>(asked: Promise<Answer>): Promise<Answer> {
  try {
    return await asked
  } catch (error) {
    if (systemCode(error) === 'ENOENT') throw unknownCode()
    throw error
  }
}

function hashOf(code: string): string {
  return createHash('sha256').update(code).digest('hex')
}

function unknownCode(): AppError {
  return new AppError(
    'SIGN_IN_CODE_UNKNOWN',
    'This link has been used, or a later start of Longshore has made another one. Start it again for a new link, or sign in with a token.',
  )
}
