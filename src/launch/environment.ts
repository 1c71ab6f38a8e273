import { randomBytes } from 'node:crypto'
import { type Config, ConfigError, loadConfig } from '../config.ts'
import { keptSecret, readSecret } from './kept-secret.ts'
import { LaunchError } from './launch-error.ts'

export type Environment = Record<string, string | undefined>

const secretName = 'auth-jwt-secret'
const stand = { DATABASE_URL: 'postgres://127.0.0.1/longshore', AUTH_JWT_SECRET: 'x'.repeat(32) }

/** Whether Longshore brings its own database, and so keeps the secret of its tokens itself as well. */
export function isEmbedded(env: Environment): boolean {
  return !env['DATABASE_URL']
}

/**
 * Reads all settings before anything is started. What an embedded start will fill in counts as set. Throws ConfigError
 * that names every wrong setting.
 */
export function readSettings(env: Environment): Config {
  if (isEmbedded(env) && env['DATABASE_DIRECT_URL']) {
    throw new ConfigError(['DATABASE_DIRECT_URL: goes with a DATABASE_URL that leads to a pooler, and that is not set'])
  }
  return loadConfig(isEmbedded(env) ? { ...env, ...stand, ...given(env, 'AUTH_JWT_SECRET') } : env)
}

function given(env: Environment, name: string): Environment {
  return env[name] ? { [name]: env[name] } : {}
}

/**
 * The secret that signs tokens: AUTH_JWT_SECRET, or when embedded the one made and kept in DATA_DIR. Undefined where somebody
 * else signs them all.
 */
export async function tokenSecret(env: Environment, dataDir: string): Promise<string | undefined> {
  if (!isEmbedded(env)) return env['AUTH_JWT_SECRET'] || undefined
  return env['AUTH_JWT_SECRET'] || (await keptSecret(dataDir, secretName))
}

/** The keys that seal passwords: SECRETS_KEYS, or when embedded one made and kept in DATA_DIR. */
export async function secretsKeys(env: Environment, dataDir: string): Promise<string | undefined> {
  if (!isEmbedded(env)) return env['SECRETS_KEYS']
  return env['SECRETS_KEYS'] || (await keptSecret(dataDir, 'secrets-keys', () => randomBytes(32).toString('base64')))
}

/** The same, but only if it is there. Throws LaunchError that says how to come by it. */
export async function existingTokenSecret(env: Environment, dataDir: string): Promise<string> {
  const secret = env['AUTH_JWT_SECRET'] || (await readSecret(dataDir, secretName))
  if (secret === undefined) {
    throw new LaunchError(
      `No secret to sign with: set AUTH_JWT_SECRET to the one the server uses, or run npm start once with the same DATA_DIR (${dataDir}).`,
    )
  }
  return secret
}

/** What to tell a person about an error: a line each, and the stack only where nobody foresaw it. */
export function explain(error: unknown): string {
  if (error instanceof ConfigError) return error.problems.join('\n')
  if (error instanceof LaunchError) return error.message
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
