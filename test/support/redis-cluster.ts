import { join } from 'node:path'
import { Redis } from 'ioredis'
import { z } from 'zod'
import { freePorts, makeFolder, type RedisProcess, removeFolder } from './redis-server.ts'
import { startRedisNode } from './redis-node.ts'
import { until } from './system.ts'

export type TestRedisCluster = {
  redisUrl: string
  /**
   * Sends a signal to the master that serves a key, and answers it. SIGKILL ends it; SIGSTOP makes it keep its connections
   * and answer nobody.
   */
  signalMasterOf: (key: string, signal: 'SIGKILL' | 'SIGSTOP') => Promise<RedisProcess>
  /** Waits until another node has taken over the key. */
  untilTakenOver: (key: string, from: RedisProcess) => Promise<void>
  /** Empties every master. */
  flush: () => Promise<void>
  stop: () => Promise<void>
}

const masterCount = 3
const slotCount = 16_384

/**
 * Six nodes on loopback, three masters with a replica each, in working order. A node that is silent for `downAfterMs` is
 * replaced: short for who kills one, long for who wants no surprise on a slow machine. The test must `stop` it.
 */
export async function startRedisCluster({ downAfterMs = 15_000 } = {}): Promise<TestRedisCluster> {
  const folder = await makeFolder()
  const nodes = await startNodes(folder, {
    'cluster-enabled': 'yes',
    'cluster-node-timeout': downAfterMs,
    'cluster-replica-validity-factor': 0,
    'repl-diskless-sync-delay': 0,
  })
  const stop = async () => {
    for (const { client } of nodes) client.disconnect()
    await Promise.all(nodes.map((node) => node.process.end('SIGKILL')))
    await removeFolder(folder)
  }
  await formCluster(nodes).catch(async (error: unknown) => {
    await stop()
    throw error
  })
  const hit = new Set<Node>()
  const survivor = () => nodes.find((node) => !hit.has(node)) ?? fail('no node is left')
  return {
    redisUrl: `redis+cluster://${nodes.map(({ process: { port } }) => `127.0.0.1:${port}`).join(',')}`,
    signalMasterOf: async (key, signal) => {
      const port = await portServing(survivor(), key)
      const node = nodes.find((one) => one.process.port === port) ?? fail(`no node serves ${key}`)
      hit.add(node)
      if (signal === 'SIGKILL') await node.process.end(signal)
      else process.kill(node.process.pid, signal)
      return node.process
    },
    untilTakenOver: async (key, from) => {
      await until(async () => {
        const isOther = (await portServing(survivor(), key)) !== from.port
        return (isOther && (await isWell(survivor()))) || undefined
      }, 30_000)
    },
    flush: async () => {
      for (const { client } of nodes.filter((node) => !hit.has(node))) {
        if ((await client.info('replication')).includes('role:master')) await client.flushall()
      }
    },
    stop,
  }
}

type Node = { process: RedisProcess; client: Redis; busPort: number }

async function startNodes(folder: string, settings: Record<string, string | number>): Promise<Node[]> {
  const ports = await freePorts(masterCount * 4)
  return Promise.all(
    Array.from({ length: masterCount * 2 }, async (_, index) => {
      const [port = 0, busPort = 0] = ports.slice(index * 2)
      const nodesFile = join(folder, `nodes-${port}.conf`)
      const process = await startRedisNode({
        port,
        folder,
        settings: { ...settings, 'cluster-port': busPort, 'cluster-config-file': nodesFile },
      })
      const client = new Redis({ port, maxRetriesPerRequest: 0, retryStrategy: () => 100, enableReadyCheck: false })
      client.on('error', () => {})
      return { process, client, busPort }
    }),
  )
}

/** Does what `redis-cli --cluster create` does, and asks instead of waiting. */
async function formCluster(nodes: Node[]): Promise<void> {
  const [first] = nodes
  const masters = nodes.slice(0, masterCount)
  await Promise.all(
    masters.map(async ({ client }, index) => {
      const [from, past] = [index, index + 1].map((at) => Math.floor((at * slotCount) / masterCount))
      await client.cluster('ADDSLOTSRANGE', from ?? 0, (past ?? 0) - 1)
      await client.cluster('SET-CONFIG-EPOCH', index + 1)
    }),
  )
  for (const { process, busPort } of nodes.slice(1)) {
    await first?.client.call('CLUSTER', 'MEET', '127.0.0.1', String(process.port), String(busPort))
  }
  await untilAll(nodes, async ({ client }) => (await client.cluster('INFO')).includes('known_nodes:6'))
  await untilAll(nodes, async ({ client }) => !String(await client.cluster('NODES')).includes('handshake'))
  const ids = await Promise.all(masters.map(({ client }) => client.cluster('MYID')))
  await Promise.all(nodes.slice(masterCount).map(({ client }, index) => client.cluster('REPLICATE', ids[index] ?? '')))
  await untilAll(nodes.slice(masterCount), async ({ client }) =>
    (await client.info('replication')).includes('master_link_status:up'),
  )
  await untilAll(nodes, isWell)
}

/** Whether a node finds that all slots are served. */
async function isWell({ client }: Node): Promise<boolean> {
  return (await client.cluster('INFO')).includes('cluster_state:ok')
}

async function untilAll(nodes: Node[], isSo: (node: Node) => Promise<boolean>): Promise<void> {
  for (const node of nodes) await until(async () => (await isSo(node)) || undefined, 30_000)
}

async function portServing({ client }: Node, key: string): Promise<number> {
  const slot = await client.cluster('KEYSLOT', key)
  const ranges = z
    .array(z.tuple([z.number(), z.number(), z.tuple([z.string(), z.number()]).rest(z.unknown())]).rest(z.unknown()))
    .parse(await client.cluster('SLOTS'))
  const range = ranges.find(([from, to]) => from <= slot && slot <= to)
  return range?.[2][1] ?? 0
}

function fail(message: string): never {
  throw new Error(message)
}
