import { once } from 'node:events'
import { createServer } from 'node:http'
import { io, type Socket } from 'socket.io-client'
import { onTestFinished } from 'vitest'
import { openDatabase } from '../../src/db/connect.ts'
import { openSignals, type Signals } from '../../src/db/signals.ts'
import { AppError } from '../../src/errors.ts'
import { openLog } from '../../src/log.ts'
import type { Authenticate } from '../../src/realtime/admission.ts'
import { openRealtime } from '../../src/realtime/open.ts'
import type { SessionLimits } from '../../src/realtime/session.ts'
import type { DoorLimits } from '../../src/realtime/door.ts'

/** What a client was told; `after` is the cursor that a durable event brings. */
export type Received = { type: string; data: Record<string, unknown>; after?: string }
export type Client = {
  socket: Socket
  /** Events and progress, in the order they came. */
  received: Received[]
  /** What the server said about the connection. */
  notices: Received[]
}
export type ApiNode = { url: string; port: number; signals: Signals; close: () => void }

const limits = {
  maxRooms: 1000,
  maxEvents: 10_000,
  maxAgeMs: 24 * 3_600_000,
  recheckMs: 60_000,
  maxMessagesPerSecond: 100,
  maxMessageBytes: 65_536,
  maxBacklogBytes: 1_048_576,
  signInWithinMs: 5000,
}
const noticeTypes = new Set(['subscribed', 'unsubscribed', 'missed', 'closing', 'admin.figures'])
/** Tokens that do not count any more. */
const revoked = new Set<string>()

export function revoke(token: string): void {
  revoked.add(token)
}

/**
 * A token of the test is its account's id, then `+admin` for an administrator or `+` and a permission, then the moment it
 * expires: `id@milliseconds`.
 */
const authenticate: Authenticate = async (token) => {
  if (token === undefined) throw new AppError('UNAUTHENTICATED', 'A bearer token is required.')
  const [name = '', expiresAtMs] = token.split('@')
  const [account = '', role] = name.split('+')
  if (account === 'bad' || revoked.has(token)) throw new AppError('TOKEN_INVALID', 'The token is not valid.')
  if (account === 'broken') throw new Error('the check of the test fails')
  const expiresAt = expiresAtMs === undefined ? undefined : new Date(Number(expiresAtMs))
  return { account, admin: role === 'admin', permissions: role === undefined ? [] : [role], expiresAt }
}

/** Starts what one API process has of it: an HTTP server with sockets, a pool and signals of its own. */
export async function startNode(databaseUrl: string, own: Partial<SessionLimits & DoorLimits> = {}): Promise<ApiNode> {
  const log = openLog('test', { base: 'silent', scopes: {} }).root
  const { sql, close: closeDatabase } = openDatabase(databaseUrl, { name: 'node', maxConnections: 4 })
  const signals = await openSignals({ sql, listenUrl: databaseUrl, log })
  const httpServer = createServer((_request, response) => response.end('the api'))
  const realtime = await openRealtime({ authenticate, signals, sql, log, limits: { ...limits, ...own } })
  realtime.attach(httpServer)
  httpServer.listen(0, '127.0.0.1')
  await once(httpServer, 'listening')
  onTestFinished(async () => {
    realtime.close()
    httpServer.closeAllConnections()
    await new Promise((resolve) => httpServer.close(resolve))
    await signals.close()
    await closeDatabase()
  })
  const address = httpServer.address()
  if (typeof address !== 'object' || address === null) throw new Error('the server of the test has no port')
  return { url: `http://127.0.0.1:${address.port}`, port: address.port, signals, close: realtime.close }
}

/** What a client says as it connects, beside its token. */
export type Opening = { transport?: 'websocket' | 'polling'; rooms?: unknown }

/** Connects a client that writes down everything it is sent; fails when it is not let in. */
export async function connect(url: string, token: string, { transport, rooms }: Opening = {}): Promise<Client> {
  const auth = { token, ...(rooms === undefined ? {} : { rooms }) }
  const socket = open(url, { auth, ...(transport ? { transports: [transport] } : {}) })
  const client: Client = { socket, received: [], notices: [] }
  socket.onAny((type: string, data: Record<string, unknown>, beside?: { after: string }) => {
    const list = noticeTypes.has(type) ? client.notices : client.received
    list.push({ type, data, ...beside })
  })
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('connect_error', reject)
  })
  return client
}

/** Connects in vain, and answers what the client was told. */
export async function connectRefused(url: string, options: Parameters<typeof io>[1]): Promise<unknown> {
  const socket = open(url, { transports: ['websocket'], ...options })
  return new Promise((resolve, reject) => {
    socket.once('connect', () => reject(new Error('the client was let in')))
    socket.once('connect_error', (error) => resolve('data' in error ? error.data : error.message))
  })
}

export type Verb = 'subscribe' | 'unsubscribe' | 'auth'

/** Asks for a room and answers the acknowledgement. */
export async function ask({ socket }: Client, verb: Verb, request: unknown): Promise<Record<string, unknown>> {
  return socket.timeout(5_000).emitWithAck(verb, request)
}

function open(url: string, options: Parameters<typeof io>[1]): Socket {
  const socket = io(url, { forceNew: true, reconnection: false, ...options })
  onTestFinished(() => void socket.disconnect())
  return socket
}
