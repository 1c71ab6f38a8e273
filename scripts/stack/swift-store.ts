import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { LaunchError } from '../../src/launch/launch-error.ts'
import { poll } from '../../src/launch/poll.ts'
import { freePort } from '../../src/launch/postgres-server.ts'
import type { UnpackedPackages } from './debian-packages.ts'
import { type Command, type GuardedProcess, startGuarded } from './guarded-process.ts'
import type { OwnObjectStore } from './object-store.ts'
import { ringMaker, swiftLauncher, swiftSettings } from './swift-settings.ts'

/** The Debian packages of which a node is made. */
export const swiftPackages = ['swift-proxy', 'swift-account', 'swift-container', 'swift-object', 'memcached']

const startTimeoutMs = 120_000
const kinds = ['account', 'container', 'object', 'proxy'] as const

/**
 * Starts an OpenStack Swift node that speaks S3 on loopback, as any user, with its data in a temporary folder, whose filesystem
 * must have extended attributes. Throws LaunchError with the servers' last words when one of them fails.
 */
export async function startSwift(packages: UnpackedPackages): Promise<OwnObjectStore> {
  const folder = await mkdtemp(join(tmpdir(), 'longshore-swift-'))
  const servers = new Map<string, GuardedProcess>()
  const stop = async (): Promise<void> => {
    await Promise.all([...servers.values()].map((server) => server.end('SIGKILL')))
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }
  try {
    const ports = await makeNode(packages, folder)
    const account = { accessKeyId: 'longshore:test', secretAccessKey: randomBytes(20).toString('hex') }
    const { username: userName } = userInfo()
    const files = swiftSettings({ folder, ports, account, userName })
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text, { mode: 0o600 })
    const limits = ['-U', '0', '-m', '64', '-u', userName]
    const cache = packages.command('memcached', ['-l', '127.0.0.1', '-p', String(ports.memcached), ...limits])
    servers.set('memcached', await startGuarded(cache, join(folder, 'memcached.log')))
    const start = async (kind: (typeof kinds)[number]): Promise<void> => {
      const program = packages.path(`usr/bin/swift-${kind}-server`)
      const words = ['-c', swiftLauncher, folder, program, join(folder, `${kind}-server.conf`), '-v']
      servers.set(kind, await startGuarded(python(packages, words), join(folder, `${kind}.log`)))
    }
    for (const kind of kinds) await start(kind)
    const endpoint = `http://127.0.0.1:${ports.proxy}`
    await untilAll(
      servers,
      kinds.map((kind) => `http://127.0.0.1:${ports[kind]}/healthcheck`),
    )
    return {
      name: `OpenStack Swift ${await versionOf(packages)}`,
      endpoint,
      region: 'us-east-1',
      ...account,
      forcePathStyle: true,
      kill9: async () => servers.get('proxy')?.end('SIGKILL'),
      start: async () => {
        await start('proxy')
        await untilAll(servers, [`${endpoint}/healthcheck`])
      },
      freeze: () => servers.get('proxy')?.kill('SIGSTOP'),
      thaw: () => servers.get('proxy')?.kill('SIGCONT'),
      stop,
    }
  } catch (error) {
    const words = await lastWords(folder)
    await stop()
    const message = error instanceof Error ? error.message : String(error)
    throw new LaunchError(`Swift did not start: ${message}\n${words}`, { cause: error })
  }
}

/** Finds ports, and makes the disk and the rings that say what lies on it. */
async function makeNode(packages: UnpackedPackages, folder: string) {
  const ports = {
    proxy: await freePort(),
    account: await freePort(),
    container: await freePort(),
    object: await freePort(),
    memcached: await freePort(),
  }
  await mkdir(join(folder, 'disks', 'disk'), { recursive: true })
  const words = ['-c', ringMaker, folder, ports.account, ports.container, ports.object].map(String)
  const { file, args, env } = python(packages, words)
  await promisify(execFile)(file, args, { env, timeout: startTimeoutMs })
  return ports
}

/** A Python program with the packages' own interpreter and modules. */
function python({ path, command }: UnpackedPackages, words: readonly string[]): Command {
  const env = {
    PATH: process.env['PATH'] ?? '',
    PYTHONHOME: path('usr'),
    PYTHONPATH: path('usr/lib/python3/dist-packages'),
    PYTHONDONTWRITEBYTECODE: '1',
  }
  return { ...command('python3', words), env }
}

async function untilAll(servers: ReadonlyMap<string, GuardedProcess>, urls: readonly string[]): Promise<void> {
  const waiting = new Set(urls)
  const isUp = await poll(
    async () => {
      const ended = [...servers].find(([, server]) => server.hasEnded())
      if (ended) throw new Error(`the ${ended[0]} server ended`)
      for (const url of waiting) if (await answers(url)) waiting.delete(url)
      return waiting.size === 0 || undefined
    },
    { everyMs: 50, deadlineMs: startTimeoutMs },
  )
  if (!isUp) throw new Error(`nobody answers at ${[...waiting].join(', ')}`)
}

/** Whatever it answers: only the proxy knows of health. */
async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(5000) })
    await response.body?.cancel()
    return true
  } catch {
    return false
  }
}

async function versionOf(packages: UnpackedPackages): Promise<string> {
  const names = await readdir(packages.path('usr/lib/python3/dist-packages'))
  const info = names.find((name) => /^swift-\d.*\.egg-info$/.test(name)) ?? ''
  return /^swift-(.+)\.egg-info$/.exec(info)?.[1] ?? ''
}

async function lastWords(folder: string): Promise<string> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.log'))
  const ends = names.map(async (name) => {
    const lines = (await readFile(join(folder, name), 'utf8')).trimEnd().split('\n')
    return [`${name}:`, ...lines.slice(-8)].join('\n  ')
  })
  return (await Promise.all(ends)).join('\n')
}
