import { type ChildProcess, spawn } from 'node:child_process'
import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import postgres from 'postgres'
import { systemCode } from '../../src/errors.ts'
import { poll } from '../../src/launch/poll.ts'
import { freePort } from '../../src/launch/postgres-server.ts'
import { chooseUser, type RunAs } from '../../src/launch/postgres-user.ts'

export type TestPooler = {
  /** The address under which a database of the server is reached through the pooler. */
  through: (databaseUrl: string) => string
  stop: () => Promise<void>
}

/** Fewer than one API process opens, so that clients have to share them. */
const connectionsPerDatabase = 10

/**
 * Starts a PgBouncer in transaction mode on loopback, before every database of the server that an URL leads to. Answers
 * undefined where there is no pgbouncer. The test must `stop` it.
 */
export async function startPgBouncer(databaseUrl: string): Promise<TestPooler | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'longshore-pgbouncer-'))
  const remove = () => rm(folder, { recursive: true, force: true, maxRetries: 5 })
  try {
    // As root, PgBouncer runs as another user, as Postgres does.
    const user = await chooseUser(folder)
    const port = await freePort()
    const through = (url: string): string => Object.assign(new URL(url), { hostname: '127.0.0.1', port }).href
    const child = await run(await configure(folder, user, port, new URL(databaseUrl)), user)
    if (child !== undefined) await untilAnswering(through(databaseUrl), child)
    const stop = async (): Promise<void> => {
      await child?.end()
      await remove()
    }
    if (child !== undefined) return { through, stop }
    await stop()
    return undefined
  } catch (error) {
    await remove()
    throw error
  }
}

async function configure(folder: string, user: RunAs, port: number, target: URL): Promise<string> {
  const [name, password] = [target.username, target.password].map(decodeURIComponent)
  const usersFile = join(folder, 'users.txt')
  const configFile = join(folder, 'pgbouncer.ini')
  await writeFile(usersFile, `"${name}" "${password}"\n`, { mode: 0o600 })
  await writeFile(
    configFile,
    `[databases]
* = host=${target.hostname} port=${target.port || 5432}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${usersFile}
pool_mode = transaction
default_pool_size = ${connectionsPerDatabase}
max_client_conn = 1000
; A database can be dropped soon after its test.
server_idle_timeout = 1
; Clients are told soon that the server is away, and an outage is over when it is.
query_wait_timeout = 2
server_login_retry = 0.2
`,
    { mode: 0o600 },
  )
  if (user === undefined) return configFile
  await chmod(folder, 0o711)
  for (const file of [usersFile, configFile]) await chown(file, user.uid, user.gid)
  return configFile
}

type Running = { child: ChildProcess; end: () => Promise<void> }

/** Debian has it where only administrators look for programs. Undefined when there is none. */
async function run(configFile: string, user: RunAs): Promise<Running | undefined> {
  const child = spawn('pgbouncer', ['-q', configFile], {
    cwd: '/',
    env: { PATH: `${process.env['PATH'] ?? ''}:/usr/local/sbin:/usr/sbin` },
    stdio: 'ignore',
    ...(user === undefined ? {} : { uid: user.uid, gid: user.gid }),
  })
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const failure = await new Promise<Error | undefined>((resolve) => {
    child.once('spawn', () => resolve(undefined))
    child.once('error', resolve)
  })
  if (failure !== undefined && systemCode(failure) === 'ENOENT') return undefined
  if (failure !== undefined) throw failure
  return {
    child,
    end: async () => {
      child.kill('SIGTERM')
      await exited
    },
  }
}

async function untilAnswering(url: string, { child }: Running): Promise<void> {
  const sql = postgres(url, { max: 1, prepare: false, onnotice: () => {} })
  const answered = await poll(
    async () => {
      if (child.exitCode !== null) throw new Error(`pgbouncer ended with exit code ${child.exitCode}`)
      return sql`select 1`.then(
        () => true,
        () => undefined,
      )
    },
    { everyMs: 20, deadlineMs: 10_000 },
  )
  await sql.end()
  if (answered !== true) throw new Error('pgbouncer did not answer within 10 s')
}
