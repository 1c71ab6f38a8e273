import { once } from 'node:events'
import { connect } from 'node:net'
import { io } from 'socket.io-client'
import { WebSocket } from 'ws'
import type { Random } from '../../../scripts/chaos/random.ts'
import { chance, pick } from './choose.ts'
import { hostileBodies, hostileTexts, hostileValues } from './hostile.ts'

/** What a door said, and how it ended the connection: null where it did not. */
export type Said = { text: string; closeCode: number | null }

const patienceMs = 8000
/** The codes that docs/events.md has, and those with which a library refuses frames that are none (RFC 6455). */
export const expectedCloses: readonly (number | null)[] = [
  null,
  1001,
  1002,
  1003,
  1005,
  1006,
  1007,
  1009,
  4400,
  4401,
  4429,
]

type Names = { token: string; account: string; taskIds: readonly string[] }

/** Requests over `/ws` that make no sense, most of them from somebody who is signed in, then one that does. */
export async function fuzzWebSocket(random: Random, url: string, names: Names): Promise<Said> {
  const line = connect(Number(new URL(url).port), new URL(url).hostname)
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/ws`, { createConnection: () => line })
  let text = ''
  socket.on('message', (data: Buffer) => void (text += data.toString('utf8').slice(0, 10_000)))
  socket.on('error', () => undefined)
  const closed = new Promise<number>((resolve) => socket.once('close', resolve))
  await once(socket, 'open')
  const first = Promise.race([once(socket, 'message'), closed])
  if (chance(random, 0.85)) {
    socket.send(JSON.stringify({ type: 'auth', token: names.token, rooms: roomsOf(random, names) }))
    // Who does not wait to be let in is let go.
    if (chance(random, 0.9)) await within(first)
  }
  for (let count = random.whole(1, 12); count > 0 && socket.readyState === WebSocket.OPEN; count--) {
    if (chance(random, 0.01)) line.write(bytesOf(random, random.whole(1, 200)))
    else sendOdd(random, socket, names)
  }
  if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ type: 'ping', id: 'last' }))
  // It answers the last request, or has hung up before.
  const answered = new Promise<null>((resolve) => socket.on('message', () => text.includes('"last"') && resolve(null)))
  const closeCode = await within(Promise.race([closed, answered]))
  socket.terminate()
  return { text, closeCode }
}

function sendOdd(random: Random, socket: WebSocket, names: Names): void {
  const kind = random.whole(0, 99)
  if (kind === 0) return socket.send(Buffer.from(pick(random, hostileTexts)))
  if (kind === 2) return socket.send(bytesOf(random, 40), { binary: false })
  if (kind === 3) return socket.send('x'.repeat(70_000))
  if (kind === 4) return socket.ping(bytesOf(random, 100))
  if (kind < 40) return socket.send(pick(random, hostileBodies).slice(0, 60_000))
  socket.send(JSON.stringify(packetOf(random, names)).slice(0, 60_000))
}

function packetOf(random: Random, names: Names): unknown {
  const type = pick<unknown>(random, ['subscribe', 'subscribe', 'unsubscribe', 'auth', 'ping', ...hostileValues])
  const id = chance(random, 0.5) ? pick(random, hostileValues) : 1
  const data = chance(random, 0.7) ? requestOf(random, names) : pick(random, hostileValues)
  return { type, id, data, ...(chance(random, 0.2) ? { token: pick(random, hostileValues) } : {}) }
}

function requestOf(random: Random, { account, taskIds }: Names): Record<string, unknown> {
  const ids = [account, ...taskIds, ...hostileTexts.map((text) => text.slice(0, 200))]
  const rooms = ['account', 'task', 'pool', '__proto__'].map((kind) => `${kind}:${pick(random, ids)}`)
  const room = chance(random, 0.8) ? pick(random, [...rooms, 'admin']) : pick(random, hostileValues)
  const after = chance(random, 0.4)
    ? pick(random, ['1.1', '1.3f0c', '-1.1', '9'.repeat(50), ...hostileValues])
    : undefined
  return { room, after, ...(chance(random, 0.3) ? { snapshot: pick(random, hostileValues) } : {}) }
}

function roomsOf(random: Random, names: Names): unknown {
  if (chance(random, 0.7)) return undefined
  return chance(random, 0.5) ? [requestOf(random, names), requestOf(random, names)] : pick(random, hostileValues)
}

/** The same over Socket.IO. What it answers is added up as text. */
export async function fuzzSocketIo(random: Random, url: string, names: Names): Promise<Said> {
  const auth = chance(random, 0.8)
    ? { token: names.token, rooms: roomsOf(random, names) }
    : { token: pick(random, hostileValues), rooms: pick(random, hostileValues) }
  const transports = [pick(random, ['websocket', 'polling'] as const)]
  const socket = io(url, { transports, auth, reconnection: false, forceNew: true })
  let text = ''
  const hear = (...args: unknown[]): void => void (text += JSON.stringify(args).slice(0, 10_000))
  socket.onAny(hear)
  const gone = new Promise<void>((resolve) => {
    socket.once('disconnect', () => resolve())
    socket.once('connect_error', (error) => {
      hear(error.message, Object(error).data)
      resolve()
    })
  })
  for (let count = random.whole(1, 12); count > 0; count--) {
    const event = pick(random, ['subscribe', 'subscribe', 'unsubscribe', 'auth', '__proto__', 'x'.repeat(2000), ''])
    const request = chance(random, 0.6)
      ? requestOf(random, names)
      : pick(random, [...hostileValues, bytesOf(random, 50)])
    socket.emit(event, ...[request, hear].slice(chance(random, 0.1) ? 1 : 0))
  }
  const answered = new Promise<void>((resolve) => socket.emit('auth', { token: names.token }, () => resolve()))
  await within(Promise.race([gone, answered]))
  socket.disconnect()
  return { text, closeCode: null }
}

/** Requests below Socket.IO: of the transport that carries it. Answers the status and the text. */
export async function fuzzTransport(random: Random, url: string): Promise<{ status: number; text: string }> {
  const sid = chance(random, 0.6) ? await handshake(url) : undefined
  const values = ['4', '3', '99', 'polling', 'websocket', 'x', '', '../..', '%00', '__proto__', 'AAAA', '-1']
  const names = ['EIO', 'transport', 'sid', 't', 'j', 'b64', '__proto__[x]']
  const query = names
    .filter(() => chance(random, 0.6))
    .map((name) => `${name}=${encodeURIComponent(pick(random, values))}`)
  if (sid !== undefined) query.splice(0, query.length, 'EIO=4', 'transport=polling', `sid=${sid}`)
  const method = sid === undefined ? pick(random, ['GET', 'POST', 'PUT', 'OPTIONS', 'DELETE']) : 'POST'
  const body = method === 'POST' ? pick(random, ['4{', '40', '\x1e\x1e', '6', 'b!!!', ...hostileBodies]) : undefined
  const options = { method, signal: AbortSignal.timeout(patienceMs), ...(body === undefined ? {} : { body }) }
  const response = await fetch(`${url}/socket.io/?${query.join('&')}`, options)
  return { status: response.status, text: await response.text() }
}

/** Opens a connection by polling. */
async function handshake(url: string): Promise<string> {
  const text = await (await fetch(`${url}/socket.io/?EIO=4&transport=polling`)).text()
  return /"sid":"([^"]+)"/.exec(text)?.[1] ?? ''
}

/** Asks for a task's events as they come, from a place that may be none. Answers the status and how it begins. */
export async function fuzzStream(
  random: Random,
  url: string,
  { token, taskIds }: Names,
): Promise<{ status: number; text: string }> {
  const places = ['0', '1', '-1', '1.5', 'NaN', '9'.repeat(30), '', ' ', '1e3', "' or 1=1", '%', 'x'.repeat(3000)]
  const headers = {
    accept: pick(random, ['text/event-stream', 'text/event-stream, */*;q=0.1', 'text/event-stream;q=x']),
    authorization: `Bearer ${token}`,
    ...(chance(random, 0.6) ? { 'last-event-id': pick(random, places) } : {}),
  }
  const query = chance(random, 0.5) ? `?after=${encodeURIComponent(pick(random, places))}` : ''
  const end = new AbortController()
  const signal = AbortSignal.any([end.signal, AbortSignal.timeout(patienceMs)])
  const response = await fetch(`${url}/api/tasks/${pick(random, taskIds)}/events${query}`, { headers, signal })
  const reader = response.body?.getReader()
  // A stream of a task that runs has no end of its own.
  const first = response.status === 200 ? await reader?.read() : { value: await rest(reader) }
  end.abort()
  return { status: response.status, text: Buffer.from(first?.value ?? []).toString() }
}

async function rest(reader: ReadableStreamDefaultReader<Uint8Array> | undefined): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) pieces.push(next.value)
  return Buffer.concat(pieces)
}

/** Fails when something is not there in time: somebody hangs. */
async function within<Answer>(answer: Promise<Answer>): Promise<Answer> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${patienceMs} ms`)), patienceMs)
  })
  return Promise.race([answer, late]).finally(() => clearTimeout(timer))
}

function bytesOf(random: Random, count: number): Buffer {
  return Buffer.from(Array.from({ length: count }, () => random.whole(0, 255)))
}
