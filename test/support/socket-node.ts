import { once } from 'node:events'
import { createServer } from 'node:http'
import { io, type Socket } from 'socket.io-client'
import { onTestFinished } from 'vitest'
import { openDatabase } from '../../src/db/connect.ts'
import { openSignals, type Signals } from '../../src/db/signals.ts'
import { AppError } from '../../src/errors.ts'
import { openLog } from '../../src/log.ts'
import { type Authenticate, attachSockets } from '../../src/realtime/socket.ts'

export type Received = { type: string; data: Record<string, unknown> }
export type Client = { socket: Socket; received: Received[] }
export type ApiNode = { url: string; port: number; signals: Signals; close: () => void }

/** A token of the test is its account's id, or that and the moment it expires: `id@milliseconds`. */
const authenticate: Authenticate = async (token) => {
  if (token === undefined) throw new AppError('UNAUTHENTICATED', 'A bearer token is required.')
  const [account = '', expiresAtMs] = token.split('@')
  if (account === 'bad') throw new AppError('TOKEN_INVALID', 'The token is not valid.')
  if (account === 'broken') throw new Error('the check of the test fails')
  return { account, expiresAt: expiresAtMs === undefined ? undefined : new Date(Number(expiresAtMs)) }
}

/** Starts what one API process has of it: an HTTP server with sockets, a pool and signals of its own. */
export async function startNode(databaseUrl: string, limits: { maxRooms?: number } = {}): Promise<ApiNode> {
  const log = openLog('test', { base: 'silent', scopes: {} }).root
  const { sql, close: closeDatabase } = openDatabase(databaseUrl, { name: 'node', maxConnections: 2 })
  const signals = await openSignals({ sql, listenUrl: databaseUrl, log })
  const httpServer = createServer((_request, response) => response.end('the api'))
  const findTaskOwner = async (taskId: string) => {
    const [row] = await sql<{ accountId: string }[]>`SELECT account_id FROM tasks WHERE id = ${taskId}`
    return row?.accountId
  }
  const sockets = attachSockets({ httpServer, authenticate, findTaskOwner, signals, sql, log, ...limits })
  httpServer.listen(0, '127.0.0.1')
  await once(httpServer, 'listening')
  onTestFinished(async () => {
    sockets.close()
    httpServer.closeAllConnections()
    await new Promise((resolve) => httpServer.close(resolve))
    await signals.close()
    await closeDatabase()
  })
  const address = httpServer.address()
  if (typeof address !== 'object' || address === null) throw new Error('the server of the test has no port')
  return { url: `http://127.0.0.1:${address.port}`, port: address.port, signals, close: sockets.close }
}

/** Connects a client that writes down every event it is sent; fails when it is not let in. */
export async function connect(url: string, token: string, transport?: 'websocket' | 'polling'): Promise<Client> {
  const socket = open(url, { auth: { token }, ...(transport ? { transports: [transport] } : {}) })
  const received: Received[] = []
  socket.onAny((type: string, data: Record<string, unknown>) => received.push({ type, data }))
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('connect_error', reject)
  })
  return { socket, received }
}

/** Connects in vain, and answers what the client was told. */
export async function connectRefused(url: string, options: Parameters<typeof io>[1]): Promise<unknown> {
  const socket = open(url, { transports: ['websocket'], ...options })
  return new Promise((resolve, reject) => {
    socket.once('connect', () => reject(new Error('the client was let in')))
    socket.once('connect_error', (error) => resolve('data' in error ? error.data : error.message))
  })
}

/** Asks for a room and answers the acknowledgement. */
export async function ask({ socket }: Client, verb: 'subscribe' | 'unsubscribe', request: unknown): Promise<unknown> {
  return socket.timeout(5_000).emitWithAck(verb, request)
}

function open(url: string, options: Parameters<typeof io>[1]): Socket {
  const socket = io(url, { forceNew: true, reconnection: false, ...options })
  onTestFinished(() => void socket.disconnect())
  return socket
}
