import { execFile, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { chown, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import postgres from 'postgres'
import { freePorts } from './redis-server.ts'
import { until } from './system.ts'

export type SystemPostgres = {
  /** An empty database of this server. */
  databaseUrl: string
  stop: () => Promise<void>
}

/** Where Debian has the programs of its newest Postgres, server and tools of one version; undefined when there is none. */
export function findSystemPostgres(): string | undefined {
  const root = '/usr/lib/postgresql'
  try {
    const [newest] = readdirSync(root).sort((one, other) => Number(other) - Number(one))
    return newest === undefined ? undefined : join(root, newest, 'bin')
  } catch {
    return undefined
  }
}

/** Starts a server of the system's Postgres with data of its own, on a free port of the loopback interface. */
export async function startSystemPostgres(programs: string): Promise<SystemPostgres> {
  const folder = await mkdtemp(join(tmpdir(), 'longshore-system-postgres-'))
  const data = join(folder, 'data')
  // Postgres does not run as root.
  const user = process.getuid?.() === 0 ? { uid: idOf('-u'), gid: idOf('-g') } : {}
  if (user.uid !== undefined) await chown(folder, user.uid, user.gid)
  const rights = ['--username=longshore', '--auth=trust', '--encoding=UTF8', '--locale=C.UTF-8', '--no-sync']
  await promisify(execFile)(join(programs, 'initdb'), [`--pgdata=${data}`, ...rights], { ...user, cwd: folder })
  const [port] = await freePorts(1)
  const settings = [`listen_addresses=127.0.0.1`, `port=${port}`, `unix_socket_directories=${folder}`, 'fsync=off']
  const args = ['-D', data, ...settings.flatMap((setting) => ['-c', setting])]
  const server = spawn(join(programs, 'postgres'), args, { ...user, cwd: folder, stdio: 'ignore' })
  const ended = once(server, 'exit')
  const url = (name: string): string => `postgres://longshore@127.0.0.1:${port}/${name}`
  const sql = postgres(url('postgres'), { max: 1, onnotice: () => {} })
  await until(() => sql`create database longshore`.catch(() => undefined))
  await sql.end()
  return {
    databaseUrl: url('longshore'),
    stop: async () => {
      server.kill('SIGQUIT')
      await ended
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function idOf(which: '-u' | '-g'): number {
  return Number(execFileSync('id', [which, 'postgres'], { encoding: 'utf8' }))
}
