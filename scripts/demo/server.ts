import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { join, resolve } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { signToken } from '../../src/auth/token.ts'
import { type Environment, existingTokenSecret } from '../../src/launch/environment.ts'
import { keptSecret } from '../../src/launch/kept-secret.ts'
import { LaunchError } from '../../src/launch/launch-error.ts'
import { packageRoot } from '../../src/package-root.ts'

/** A Longshore to show things on. */
export type DemoServer = {
  url: string
  /** An administrator's, of the account whose token `npm start` prints. */
  token: string
  /** Whether it was there before. */
  isOld: boolean
  /** Ends it if it was started here; with `wait` only once somebody else does. */
  end: (options: { wait: boolean }) => Promise<void>
}

const startWithinMs = 90_000

/** The one that runs by these settings, or a new one as `npm start` has it. Throws LaunchError. */
export async function openDemoServer(env: Environment, say: (line: string) => void): Promise<DemoServer> {
  const dataDir = resolve(env['DATA_DIR'] || '.longshore')
  const url = `http://${env['HOST'] || '127.0.0.1'}:${env['PORT'] || '8080'}`
  const isOld = await isReady(url)
  if (!isOld) say('Starting Longshore (npm start)')
  const child = isOld ? undefined : await start(env, url)
  try {
    return { url, token: await signAdminToken(env, dataDir), isOld, end: ({ wait }) => end(child, wait) }
  } catch (error) {
    await end(child, false)
    throw error
  }
}

async function signAdminToken(env: Environment, dataDir: string): Promise<string> {
  const secret = await existingTokenSecret(env, dataDir)
  const account = await keptSecret(dataDir, 'demo-account', randomUUID)
  const { AUTH_JWT_ISSUER: issuer, AUTH_JWT_AUDIENCE: audience } = env
  const claims = { account, admin: true, expiresInSeconds: 3600 }
  return signToken(secret, { ...claims, issuer: issuer || undefined, audience: audience || undefined })
}

async function isReady(url: string): Promise<boolean> {
  return fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(3000) }).then(
    ({ ok }) => ok,
    () => false,
  )
}

async function start(env: Environment, url: string): Promise<ChildProcess> {
  const script = join(packageRoot(), 'dist', 'scripts', 'start.js')
  const child = spawn(process.execPath, [script], { env, stdio: ['ignore', 'ignore', 'pipe'] })
  let complaint = ''
  child.stderr.on('data', (piece: Buffer) => {
    complaint = (complaint + piece.toString()).slice(-2000)
  })
  const until = performance.now() + startWithinMs
  while (performance.now() < until) {
    if (child.exitCode !== null) throw new LaunchError(complaint.trim() || 'Longshore could not be started')
    if (await isReady(url)) return child
    await pause(200)
  }
  await end(child, false)
  throw new LaunchError(`Longshore was not ready at ${url} after ${startWithinMs / 1000} s`)
}

async function end(child: ChildProcess | undefined, wait: boolean): Promise<void> {
  if (!child || child.exitCode !== null) return
  const ended = once(child, 'exit')
  if (!wait) child.kill('SIGTERM')
  await ended
}
