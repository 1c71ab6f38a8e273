import { resolve } from 'node:path'
import { signToken } from '../src/auth/token.ts'
import { existingTokenSecret, explain } from '../src/launch/environment.ts'
import { parseTokenArguments } from '../src/launch/token-arguments.ts'

try {
  const { account, admin, days } = parseTokenArguments(process.argv.slice(2))
  const secret = await existingTokenSecret(process.env, resolve(process.env['DATA_DIR'] || '.longshore'))
  const claims = { account, admin, expiresInSeconds: Math.round(days * 86_400) }
  const { AUTH_JWT_ISSUER: issuer, AUTH_JWT_AUDIENCE: audience } = process.env
  console.log(await signToken(secret, { ...claims, issuer: issuer || undefined, audience: audience || undefined }))
} catch (error) {
  console.error(explain(error))
  process.exitCode = 1
}
