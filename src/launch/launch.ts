import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { dropSignInCode, makeSignInCode } from '../auth/sign-in-code.ts'
import { signToken } from '../auth/token.ts'
import type { Config } from '../config.ts'
import { migrate } from '../db/migrate.ts'
import { startEmbeddedPostgres } from './embedded-postgres.ts'
import { type Environment, isEmbedded, readSettings, secretsKeys, tokenSecret } from './environment.ts'
import { keptSecret } from './kept-secret.ts'
import { LaunchError } from './launch-error.ts'
import { endLeftovers, noteProcesses, type ProcessRecord } from './leftovers.ts'
import { lockFolder } from './lock.ts'
import { requireDatabase, requireDataDir, requirePort, requireRedis } from './preflight.ts'
import { parseProcfile } from './procfile.ts'
import { addressIn, waitUntilReady } from './ready.ts'
import { commandLineOf } from './running-process.ts'
import { supervise } from './supervise.ts'
import { welcome } from './welcome.ts'

export type LaunchOptions = {
  env: Environment
  /** The project's folder: the commands of the Procfile are run there. */
  root: string
  /** The Procfile's path. */
  procfile: string
  /** Aborted: stop everything and return. */
  stop: AbortSignal
  /** Aborted: do not wait for processes that are slow to stop. */
  hurry: AbortSignal
  /** A line of our own for the person who looks on. */
  say: (text: string) => void
  /** A line that a process wrote. */
  onLine: (name: string, line: string) => void
}

type Running = LaunchOptions & {
  config: Config
  undo: (() => Promise<void>)[]
  failed: AbortController
  ended: AbortSignal
}

/**
 * Runs Longshore until `stop` aborts: database, migrations, then the processes of the Procfile. Whatever it started has
 * ended when it returns or throws. Throws ConfigError or LaunchError for what a person can put right.
 */
export async function launch(options: LaunchOptions): Promise<void> {
  const config = readSettings(options.env)
  await requireDataDir(config.dataDir)
  const unlock = await lockFolder(config.dataDir)
  if (unlock === undefined) {
    throw new LaunchError(
      `Longshore already runs on ${config.dataDir}. Stop that one first, or set another DATA_DIR and another PORT.`,
    )
  }
  const failed = new AbortController()
  const ended = AbortSignal.any([options.stop, failed.signal])
  const undo: Running['undo'] = [async () => unlock()]
  try {
    await run({ ...options, config, undo, failed, ended })
  } catch (error) {
    if (!options.stop.aborted) throw error
  } finally {
    if (options.stop.aborted) options.say('Stopping …')
    // What cannot be undone must not keep the rest running.
    for (const step of undo.reverse()) await step().catch((error: unknown) => options.say(String(error)))
  }
}

async function run(running: Running): Promise<void> {
  const { config, procfile, say, ended, failed } = running
  const entries = parseProcfile(await readFile(procfile, 'utf8'))
  if ((await endLeftovers(config.dataDir)) > 0) say('Ended processes that an earlier start had left running.')
  if (config.port !== 0) await requirePort(config.host, config.port)
  const { databaseUrl, directUrl } = await openDatabase(running)
  if (config.redisUrl !== undefined) await requireRedis(config.redisUrl)
  ended.throwIfAborted()
  await migrate(directUrl)
  const authJwtSecret = await tokenSecret(running.env, config.dataDir)
  const sealingKeys = await secretsKeys(running.env, config.dataDir)
  ended.throwIfAborted()

  const address = startProcesses(running, entries, environmentOf(running, { databaseUrl, authJwtSecret, sealingKeys }))
  const outcome = await waitUntilReady(address, { deadlineMs: 60_000, signal: ended }).catch((error: unknown) => {
    throw failed.signal.aborted ? failed.signal.reason : error
  })
  if ('lastAnswer' in outcome) {
    throw new LaunchError(
      `Longshore did not get ready within 60 s (${outcome.lastAnswer}). The log lines above say why.`,
    )
  }
  const trial = authJwtSecret && { days: trialDays, token: await trialToken(config, authJwtSecret, false) }
  const signInUrl = await signInLink(running, outcome.url, authJwtSecret)
  say(welcome({ url: outcome.url, signInUrl, trial: trial || undefined }))

  if (!ended.aborted) await once(ended, 'abort')
  if (failed.signal.aborted) throw failed.signal.reason
}

const trialDays = 30

/** A token for trying it out, always for the same account. */
async function trialToken({ dataDir, tokens }: Running['config'], secret: string, admin: boolean): Promise<string> {
  const account = await keptSecret(dataDir, 'demo-account', randomUUID)
  const claims = { account, admin, expiresInSeconds: trialDays * 86_400 }
  return signToken(secret, { ...claims, issuer: tokens.issuer, audience: tokens.audience })
}

/** Opens the dashboard for whoever started Longshore and so rules over it: a link that counts once. Only of what is embedded. */
async function signInLink({ env, config }: Running, url: string, secret: string | undefined) {
  await dropSignInCode(config.dataDir)
  if (!isEmbedded(env) || secret === undefined) return undefined
  const code = await makeSignInCode(config.dataDir, await trialToken(config, secret, true))
  return `${url}/#/sign-in/${code}`
}

/** Its address, and the one that leads to Postgres itself. */
async function openDatabase(running: Running): Promise<{ databaseUrl: string; directUrl: string }> {
  const { config, env, say, ended, failed, undo } = running
  if (!isEmbedded(env)) {
    const { databaseUrl, databaseDirectUrl: directUrl } = config
    await requireDatabase('DATABASE_URL', databaseUrl)
    if (directUrl !== databaseUrl) await requireDatabase('DATABASE_DIRECT_URL', directUrl)
    return { databaseUrl, directUrl }
  }
  const server = await startEmbeddedPostgres({
    dataDir: config.dataDir,
    log: say,
    signal: ended,
    onGivenUp: () =>
      failed.abort(
        new LaunchError(`Postgres keeps ending; everything is stopped. See ${config.dataDir}/postgres.log.`),
      ),
  })
  undo.push(() => server.stop())
  return { databaseUrl: server.databaseUrl, directUrl: server.databaseUrl }
}

/** Paths and addresses are passed on as they were understood here, wherever the processes run. */
function environmentOf(
  { env, config }: Running,
  {
    databaseUrl,
    authJwtSecret,
    sealingKeys,
  }: { databaseUrl: string; authJwtSecret: string | undefined; sealingKeys: string | undefined },
): Environment {
  return {
    ...env,
    DATABASE_URL: databaseUrl,
    AUTH_JWT_SECRET: authJwtSecret,
    SECRETS_KEYS: sealingKeys,
    DATA_DIR: config.dataDir,
    HOST: config.host,
    PORT: String(config.port),
    STORAGE_UPLOADS_PATH: config.storage.uploadsPath,
  }
}

/** Answers a function that tells where the API listens, once it has said so. */
function startProcesses(context: Running, entries: ReturnType<typeof parseProcfile>, env: Environment) {
  const { config, root, onLine, say, failed, hurry, undo } = context
  let address: string | undefined
  const running = new Map<string, number>()
  let noting = Promise.resolve()
  const processes = entries.map((entry) =>
    supervise({
      entry,
      cwd: root,
      // A port that the system chose stays the same when the API has to be started again.
      env: () => (address === undefined ? env : { ...env, PORT: new URL(address).port || '80' }),
      onLine: (name, line) => {
        address ??= addressIn(line)
        onLine(name, line)
      },
      onStart: (name, pid) => {
        running.set(name, pid)
        // In turn, since two writes of one file at once could leave a mix of both.
        noting = noting.then(() => note(config.dataDir, running)).catch((error: unknown) => say(String(error)))
      },
      log: say,
      onGivenUp: (name) =>
        failed.abort(new LaunchError(`${name} keeps ending; everything is stopped. Its last log lines say why.`)),
    }),
  )
  undo.push(async () => {
    await Promise.all(processes.map((process) => process.stop(hurry)))
    await noting
    await noteProcesses(config.dataDir, [])
  })
  return () => address
}

async function note(dataDir: string, running: Map<string, number>): Promise<void> {
  const noted = [...running].map(async ([name, pid]) => ({ name, pid, command: await commandLineOf(pid) }))
  const alive = (await Promise.all(noted)).filter(
    (entry): entry is ProcessRecord[number] => entry.command !== undefined,
  )
  await noteProcesses(dataDir, alive)
}
