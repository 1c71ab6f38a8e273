/** One server's place; `port` is filled in where the address names none. */
export type RedisNode = { host: string; port: number }

type Credentials = { username: string | undefined; password: string | undefined; tls: boolean }

/** What a Redis URL leads to: one server, a Redis Cluster by some of its nodes, or the master that Sentinels know. */
export type RedisAddress =
  | { kind: 'single'; url: string }
  | ({ kind: 'cluster'; nodes: RedisNode[] } & Credentials)
  | ({
      kind: 'sentinel'
      nodes: RedisNode[]
      /** The name under which the Sentinels know the master. */
      master: string
      database: number
      sentinelUsername: string | undefined
      sentinelPassword: string | undefined
    } & Credentials)

/** The address is wrong; `message` says what it must be, and nothing of what it holds. */
export class RedisAddressError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'RedisAddressError'
  }
}

const clusterForm = 'redis+cluster://host:port,host:port'
const sentinelForm = 'redis+sentinel://host:port,host:port/master-name'
const forms = ['redis://host:port', clusterForm, sentinelForm]

/**
 * Reads a Redis URL:
 * - `redis://user:password@host:port/database`: one server;
 * - `redis+cluster://user:password@host:port,host:port`: a cluster, by any of its nodes;
 * - `redis+sentinel://user:password@host:port,host:port/master-name/database?sentinelUsername=…&sentinelPassword=…`.
 *
 * Each with `rediss` for TLS. Throws RedisAddressError, whose message holds nothing of the URL.
 */
export function parseRedisAddress(url: string): RedisAddress {
  const [, scheme = '', authority = '', path = '', query = ''] =
    /^([a-z+]+):\/\/([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/.exec(url) ?? []
  const [protocol = '', kind = 'single'] = scheme.split('+')
  const isKnown = /^rediss?$/.test(protocol) && /^(single|cluster|sentinel)$/.test(kind)
  if (!isKnown || scheme.endsWith('+single'))
    throw new RedisAddressError(`must be one of ${forms.join(', ')}, or the same with rediss for TLS`)
  if (kind === 'single') {
    if (authority === '' || !URL.canParse(url))
      throw new RedisAddressError('must be a URL: redis://user:password@host:port')
    return { kind, url }
  }
  const tls = protocol === 'rediss'
  const at = authority.lastIndexOf('@')
  const hosts = authority.slice(at + 1)
  const access = { ...parseCredentials(authority.slice(0, Math.max(at, 0))), tls }
  return kind === 'cluster'
    ? clusterAddress({ hosts, path, query, access })
    : sentinelAddress({ hosts, path, query, access })
}

/** The hosts that a URL names and what follows them: what may be shown, unlike its password. */
export function placeOfRedis(address: RedisAddress): string {
  if (address.kind === 'single') {
    const { host, pathname } = new URL(address.url)
    return `${host}${pathname}`
  }
  const nodes = address.nodes.map(({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`).join(',')
  return address.kind === 'cluster' ? nodes : `${nodes}/${address.master}`
}

type Parts = { hosts: string; path: string; query: string; access: Credentials }

function clusterAddress({ hosts, path, query, access }: Parts): RedisAddress {
  if (path !== '') throw new RedisAddressError('must not name a database: a Redis Cluster has only one')
  if (query !== '') throw new RedisAddressError(`must not have options: ${clusterForm}`)
  return { kind: 'cluster', nodes: parseNodes(hosts, 6379, clusterForm), ...access }
}

function sentinelAddress({ hosts, path, query, access }: Parts): RedisAddress {
  const nodes = parseNodes(hosts, 26_379, sentinelForm)
  const [master = '', database = '', ...rest] = path.split('/').map(decode)
  if (master === '') throw new RedisAddressError(`must name the master that the Sentinels watch: ${sentinelForm}`)
  if (!/^\d{0,5}$/.test(database) || rest.length > 0) {
    throw new RedisAddressError('must have nothing but a database number after the name of the master')
  }
  const options = new URLSearchParams(query)
  if ([...options.keys()].some((name) => name !== 'sentinelUsername' && name !== 'sentinelPassword')) {
    throw new RedisAddressError('must not have other options than sentinelUsername and sentinelPassword')
  }
  return {
    kind: 'sentinel',
    nodes,
    master,
    database: Number(database),
    sentinelUsername: options.get('sentinelUsername') ?? undefined,
    sentinelPassword: options.get('sentinelPassword') ?? undefined,
    ...access,
  }
}

function parseNodes(hosts: string, defaultPort: number, form: string): RedisNode[] {
  return hosts.split(',').map((node) => {
    // An IPv6 address stands in brackets, as in any URL.
    const [, bracketed, plain, port] = /^(?:\[([\da-fA-F:.]+)\]|([\w.-]+))(?::(\d{1,5}))?$/.exec(node) ?? []
    const host = bracketed ?? plain
    if (host === undefined || Number(port ?? 1) < 1 || Number(port ?? 1) > 65_535) {
      throw new RedisAddressError(`must name hosts with their ports, separated by commas: ${form}`)
    }
    return { host, port: port === undefined ? defaultPort : Number(port) }
  })
}

function parseCredentials(text: string): { username: string | undefined; password: string | undefined } {
  const colon = text.indexOf(':')
  const [username, password] = colon < 0 ? [text, ''] : [text.slice(0, colon), text.slice(colon + 1)]
  return { username: decode(username) || undefined, password: decode(password) || undefined }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new RedisAddressError('must have special characters percent-encoded, "%" itself as %25')
  }
}
