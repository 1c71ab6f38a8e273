import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { freePorts, makeFolder, type RedisProcess, removeFolder } from './redis-server.ts'
import { startRedisNode } from './redis-node.ts'
import { until } from './system.ts'

export type TestSentinels = {
  redisUrl: string
  /** Sends a signal to the master: SIGKILL ends it, SIGSTOP makes it keep its connections and answer nobody. */
  signalMaster: (signal: 'SIGKILL' | 'SIGSTOP') => Promise<void>
  /** Waits until the Sentinels name the other server. */
  untilFailedOver: () => Promise<void>
  /** Empties the master. */
  flush: () => Promise<void>
  stop: () => Promise<void>
}

const sentinelCount = 3

/**
 * A master, a replica and three Sentinels that watch them, on loopback. A master that is silent for `downAfterMs` is
 * replaced. The test must `stop` them.
 */
export async function startRedisSentinels({ downAfterMs = 15_000 } = {}): Promise<TestSentinels> {
  const folder = await makeFolder()
  const [masterPort = 0, replicaPort = 0, ...ports] = await freePorts(2 + sentinelCount)
  const settings = { 'repl-diskless-sync-delay': 0 }
  const master = await startRedisNode({ port: masterPort, folder, settings })
  const replica = await startRedisNode({
    port: replicaPort,
    folder,
    settings: { ...settings, replicaof: `127.0.0.1 ${masterPort}` },
  })
  await untilSays(replicaPort, 'replication', 'master_link_status:up')
  const sentinels = await Promise.all(ports.map((port) => startSentinel({ port, masterPort, folder, downAfterMs })))
  for (const port of ports) {
    await untilSays(port, 'sentinel', `status=ok,address=127.0.0.1:${masterPort},slaves=1,sentinels=${sentinelCount}`)
  }
  const [sentinelPort = 0] = ports
  return {
    redisUrl: `redis+sentinel://${ports.map((port) => `127.0.0.1:${port}`).join(',')}/themaster/0`,
    signalMaster: async (signal) => {
      if (signal === 'SIGKILL') await master.end(signal)
      else process.kill(master.pid, signal)
    },
    untilFailedOver: async () => {
      await untilSays(sentinelPort, 'sentinel', `address=127.0.0.1:${replicaPort}`)
      await untilSays(replicaPort, 'replication', 'role:master')
    },
    flush: () => ask(masterPort, async (redis) => void (await redis.flushall())),
    stop: async () => {
      for (const one of [...sentinels, replica, master]) await one.end('SIGKILL')
      await removeFolder(folder)
    },
  }
}

type SentinelOptions = { port: number; masterPort: number; folder: string; downAfterMs: number }

async function startSentinel({ port, masterPort, folder, downAfterMs }: SentinelOptions): Promise<RedisProcess> {
  const configFile = join(folder, `sentinel-${port}.conf`)
  await writeFile(
    configFile,
    [
      `port ${port}`,
      'bind 127.0.0.1',
      `dir ${folder}`,
      `sentinel monitor themaster 127.0.0.1 ${masterPort} 2`,
      `sentinel down-after-milliseconds themaster ${downAfterMs}`,
      'sentinel failover-timeout themaster 5000',
      '',
    ].join('\n'),
  )
  return startRedisNode({ port, folder, configFile })
}

async function untilSays(port: number, section: string, text: string): Promise<void> {
  await ask(port, (redis) => until(async () => (await redis.info(section)).includes(text) || undefined, 30_000))
}

async function ask<T>(port: number, work: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis({ port, enableReadyCheck: false })
  redis.on('error', () => {})
  try {
    return await work(redis)
  } finally {
    redis.disconnect()
  }
}
