import { randomUUID } from 'node:crypto'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { type Client, createClient, fileResumeStore } from '../client/node.ts'
import { UsageError } from './exit.ts'

type Env = Record<string, string | undefined>
export type Account = { url: string; token: string }

/** Where URL and token are kept: below XDG_CONFIG_HOME, readable by its owner alone. */
function accountPath(env: Env): string {
  return join(env['XDG_CONFIG_HOME'] || join(env['HOME'] || homedir(), '.config'), 'longshore', 'account.json')
}

export async function keepAccount(env: Env, account: Account): Promise<string> {
  const path = accountPath(env)
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  // A new file in its place, so that an old one's looser mode is gone and nobody reads half of it.
  const fresh = `${path}.${randomUUID()}`
  await writeFile(fresh, `${JSON.stringify(account, null, 2)}\n`, { mode: 0o600 })
  await rename(fresh, path)
  return path
}

export async function forgetAccount(env: Env): Promise<void> {
  await rm(accountPath(env), { force: true })
}

/** A client by `--url`, LONGSHORE_URL and LONGSHORE_TOKEN, else as `login` has kept them. Throws UsageError. */
export async function signedInClient(env: Env, givenUrl: string | undefined): Promise<Client> {
  const kept = await readAccount(env)
  const url = givenUrl ?? (env['LONGSHORE_URL'] || kept.url)
  const isKeptServer = url === kept.url
  // A token is for the server that it was kept for, and for no other.
  const token = env['LONGSHORE_TOKEN'] || (isKeptServer ? kept.token : undefined)
  if (!url || !token) {
    const what = url ? `a token for ${url}` : 'a server'
    throw new UsageError(
      `no ${what.replace(/^a /, '')} is known; sign in with "longshore login", or set LONGSHORE_URL and LONGSHORE_TOKEN`,
    )
  }
  return openClient(env, { url, token })
}

export function openClient(env: Env, { url, token }: Account): Client {
  const state = env['XDG_STATE_HOME'] || join(env['HOME'] || homedir(), '.local', 'state')
  return createClient({ url, token, resumeStore: fileResumeStore(join(state, 'longshore', 'uploads')) })
}

async function readAccount(env: Env): Promise<Partial<Account>> {
  const text = await readFile(accountPath(env), 'utf8').catch(() => '{}')
  try {
    const kept: unknown = JSON.parse(text)
    if (typeof kept !== 'object' || kept === null) return {}
    const { url, token } = { url: undefined, token: undefined, ...kept } as Record<string, unknown>
    return { ...(typeof url === 'string' ? { url } : {}), ...(typeof token === 'string' ? { token } : {}) }
  } catch {
    throw new UsageError(`${accountPath(env)} is not as "longshore login" writes it; sign in again`)
  }
}
