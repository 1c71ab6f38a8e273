import { Cluster, type ClusterOptions, Redis, type RedisOptions } from 'ioredis'
import { parseRedisAddress, type RedisAddress } from '../redis-address.ts'

/** A client of one Redis, of a Redis Cluster, or of the master that Sentinels name at the time. */
export type RedisClient = Redis | Cluster

export type RedisClientOptions = {
  /** Without one, a command may take as long as it likes, as a blocking read must. */
  commandTimeoutMs?: number
  connectTimeoutMs: number
  /** Tries once, and only when asked to connect. */
  once?: boolean
  /** Commands of one turn of the event loop leave in one write. A write of each own took a quarter of a busy worker's time. */
  batches?: boolean
}

/**
 * A failover of a cluster takes some seconds, in which commands are sent again every so often: so many times at most, and
 * so seldom that they outlast it.
 */
const clusterRetries = { retryDelayOnFailover: 250, retryDelayOnClusterDown: 250, maxRedirections: 64 }

/** Opens a client for a Redis URL, which connects by itself and again whenever it has to. Throws RedisAddressError. */
export function openRedis(redisUrl: string, options: RedisClientOptions): RedisClient {
  const address = parseRedisAddress(redisUrl)
  const common = commonOptions(options)
  const batched = { ...common, ...batching(options) }
  const lazyConnect = options.once === true
  const retry = options.once === true ? { retryStrategy: null } : {}
  if (address.kind === 'single') return new Redis(address.url, { ...batched, ...retry, lazyConnect })
  if (address.kind === 'sentinel') return openSentinel(address, { ...batched, ...retry, lazyConnect }, options)
  return new Cluster(address.nodes, {
    ...clusterRetries,
    ...clusterTls(address.tls),
    redisOptions: { ...common, ...credentials(address) },
    // A master that hangs closes nothing: it is left only by asking the others, in turn, who has its slots now.
    slotsRefreshInterval: 2000,
    slotsRefreshTimeout: 2000,
    lazyConnect,
    ...batching(options),
    // What waits in the queue of a cluster that is away has no time limit, unlike that of a single server.
    enableOfflineQueue: options.commandTimeoutMs === undefined,
    ...(options.once === true ? { clusterRetryStrategy: null } : {}),
  })
}

/** What stands behind an error of a client: a cluster's own says only that no node answered. */
export function causeOf(error: unknown): unknown {
  const isAboutNodes = typeof error === 'object' && error !== null && 'lastNodeError' in error
  return isAboutNodes ? (error.lastNodeError ?? error) : error
}

/** What blocks would hold up what was batched behind it. */
function batching({ batches }: RedisClientOptions) {
  return batches ? { enableAutoPipelining: true, autoPipeliningIgnoredCommands: ['bzpopmin'] } : {}
}

function commonOptions({ commandTimeoutMs, connectTimeoutMs }: RedisClientOptions) {
  return {
    maxRetriesPerRequest: null,
    connectTimeout: connectTimeoutMs,
    keepAlive: 10_000,
    // A master that became a replica keeps its old connections: leave it, find the new one, and send again.
    reconnectOnError: (error: Error) => (error.message.startsWith('READONLY') ? 2 : false),
    ...(commandTimeoutMs === undefined ? {} : { commandTimeout: commandTimeoutMs }),
  } satisfies RedisOptions
}

type SentinelAddress = Extract<RedisAddress, { kind: 'sentinel' }>

function openSentinel(
  address: SentinelAddress,
  common: RedisOptions,
  { connectTimeoutMs, once }: RedisClientOptions,
): Redis {
  const { nodes, master, database, sentinelUsername, sentinelPassword, tls } = address
  const options: RedisOptions = {
    ...common,
    ...credentials(address),
    sentinels: nodes,
    name: master,
    db: database,
    ...(sentinelUsername === undefined ? {} : { sentinelUsername }),
    ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
    ...(tls ? { enableTLSForSentinelMode: true, sentinelTLS: {} } : {}),
    sentinelCommandTimeout: connectTimeoutMs,
    // A master that hangs does not close its connections: the Sentinels tell when another has taken its place.
    failoverDetector: once !== true,
    ...(once === true ? { sentinelRetryStrategy: () => null } : {}),
  }
  return new Redis({ ...options, replyMapping: 'legacy' })
}

function credentials({
  username,
  password,
  tls,
}: {
  username: string | undefined
  password: string | undefined
  tls: boolean
}) {
  return {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls ? { tls: {} } : {}),
  }
}

/** With TLS, nodes are addressed by their names: a certificate holds names, not addresses. */
function clusterTls(tls: boolean): Pick<ClusterOptions, 'dnsLookup'> {
  return tls ? { dnsLookup: (host, callback) => callback(null, host) } : {}
}
