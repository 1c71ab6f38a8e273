import { resolve } from 'node:path'
import { signToken } from '../src/auth/token.ts'
import { existingTokenSecret, explain } from '../src/launch/environment.ts'
import { parseTokenArguments } from '../src/launch/token-arguments.ts'

try {
  const { account, admin, days } = parseTokenArguments(process.argv.slice(2))
  const secret = await existingTokenSecret(process.env, resolve(process.env['DATA_DIR'] || '.longshore'))
  console.log(await signToken(secret, { account, admin, expiresInSeconds: Math.round(days * 86_400) }))
} catch (error) {
  console.error(explain(error))
  process.exitCode = 1
}
