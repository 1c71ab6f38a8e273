import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemCode } from '../../src/errors.ts'
import { LaunchError } from '../../src/launch/launch-error.ts'
import { poll } from '../../src/launch/poll.ts'
import { freePort } from '../../src/launch/postgres-server.ts'
import { CephCluster } from './ceph-cluster.ts'
import { type CephRelease, installedRelease } from './ceph-release.ts'
import type { OwnObjectStore } from './object-store.ts'

export type CephOptions = {
  /** The one that is installed unless said otherwise. */
  release?: CephRelease
  /** What the store holds at most; 4 GiB unless said otherwise. It takes only what is stored. */
  memoryBytes?: number
  /** More of ceph.conf. */
  settings?: Record<string, string | number>
}

export type OwnCeph = OwnObjectStore & {
  /** Runs radosgw-admin and answers what it printed. */
  admin: (...args: string[]) => Promise<string>
}

const gatewayTimeoutMs = 60_000

/**
 * Starts a Ceph cluster of one node with a RADOS Gateway on loopback, all data in memory, for its owner to break. Takes
 * about two seconds, as any user. Throws LaunchError without Ceph's programs, and with their last words when one fails.
 */
export async function startCephGateway(options: CephOptions = {}): Promise<OwnCeph> {
  const { release = installedRelease, memoryBytes = 4 * 2 ** 30, settings = {} } = options
  const folder = await mkdtemp(join(tmpdir(), 'longshore-ceph-'))
  const cluster = new CephCluster(folder, release)
  try {
    const [monitorPort, gatewayPort] = [await freePort(), await freePort()]
    await cluster.create({ folder, fsid: randomUUID(), monitorPort, gatewayPort, memoryBytes, settings })
    const account = { accessKeyId: randomBytes(10).toString('hex'), secretAccessKey: randomBytes(20).toString('hex') }
    await addAccount(cluster, 'longshore', account)
    const endpoint = `http://127.0.0.1:${gatewayPort}`
    const start = () => startGateway(cluster, endpoint)
    await start()
    return {
      name: /ceph version \S+/.exec(await cluster.tool('radosgw', ['--version']))?.[0] ?? 'ceph',
      endpoint,
      region: 'us-east-1',
      ...account,
      forcePathStyle: true,
      kill9: () => cluster.daemon('radosgw').end('SIGKILL'),
      start,
      freeze: () => cluster.daemon('radosgw').kill('SIGSTOP'),
      thaw: () => cluster.daemon('radosgw').kill('SIGCONT'),
      admin: (...args) => cluster.tool('radosgw-admin', args),
      stop: () => cluster.stop(),
    }
  } catch (error) {
    const lastWords = await cluster.lastWords()
    await cluster.stop()
    throw explained(error, lastWords)
  }
}

async function addAccount(
  cluster: CephCluster,
  name: string,
  { accessKeyId, secretAccessKey }: { accessKeyId: string; secretAccessKey: string },
): Promise<void> {
  const keys = ['--access-key', accessKeyId, '--secret', secretAccessKey]
  await cluster.tool('radosgw-admin', ['user', 'create', '--uid', name, '--display-name', name, ...keys])
}

async function startGateway(cluster: CephCluster, endpoint: string): Promise<void> {
  await cluster.start('radosgw', ['-n', 'client.rgw.a'])
  const gateway = cluster.daemon('radosgw')
  const answered = await poll(async () => gateway.hasEnded() || (await answers(endpoint)), {
    everyMs: 20,
    deadlineMs: gatewayTimeoutMs,
  })
  if (gateway.hasEnded()) throw new Error('the gateway ended')
  if (answered === undefined) throw new Error(`the gateway did not answer within ${gatewayTimeoutMs / 1000} s`)
}

async function answers(endpoint: string): Promise<true | undefined> {
  try {
    const response = await fetch(endpoint, { signal: AbortSignal.timeout(5000) })
    await response.body?.cancel()
    return response.ok || undefined
  } catch {
    return undefined
  }
}

function explained(error: unknown, lastWords: string): LaunchError {
  if (systemCode(error) === 'ENOENT') {
    const advice = "Install Debian's radosgw, ceph-mon and ceph-osd."
    return new LaunchError(`Ceph is not on the PATH. ${advice}`, { cause: error })
  }
  const message = error instanceof Error ? error.message : String(error)
  return new LaunchError(`Ceph did not start: ${message}\n${lastWords}`, { cause: error })
}
