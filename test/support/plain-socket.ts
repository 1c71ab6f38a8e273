import { once } from 'node:events'
import { onTestFinished, vi } from 'vitest'
import { WebSocket } from 'ws'

export type PlainPacket = { type: string; id?: unknown; data: Record<string, unknown>; after?: string }

/** A client of `/ws` that writes down what it is sent, as people write it: a bare WebSocket. */
export type PlainClient = {
  socket: WebSocket
  packets: PlainPacket[]
  send: (packet: unknown) => void
  /** The first packet of a type, past or still to come. */
  until: (type: string) => Promise<PlainPacket>
  /** With which code and reason it was closed. */
  closed: Promise<{ code: number; reason: string }>
}

export async function openPlain(url: string, path = '/ws'): Promise<PlainClient> {
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}${path}`)
  onTestFinished(() => socket.terminate())
  const packets: PlainPacket[] = []
  socket.on('message', (data: Buffer) => packets.push(JSON.parse(data.toString('utf8'))))
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.once('close', (code, reason) => resolve({ code, reason: reason.toString('utf8') }))
  })
  await once(socket, 'open')
  return {
    socket,
    packets,
    send: (packet) => socket.send(typeof packet === 'string' ? packet : JSON.stringify(packet)),
    until: (type) =>
      vi.waitFor(
        () => {
          const found = packets.find((packet) => packet.type === type)
          if (found === undefined) throw new Error(`no ${type} among ${JSON.stringify(packets)}`)
          return found
        },
        { timeout: 10_000, interval: 10 },
      ),
    closed,
  }
}

/** Signs in as the client of the seed does, with rooms when they are given. */
export async function signInPlain(url: string, token: string, rooms?: unknown): Promise<PlainClient> {
  const client = await openPlain(url)
  client.send({ type: 'auth', token, ...(rooms === undefined ? {} : { rooms }) })
  await client.until('authenticated')
  return client
}

/** How an upgrade is refused: the status and the JSON of the answer. */
export async function refusedUpgrade(
  url: string,
  path: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; body: unknown }> {
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}${path}`, { headers })
  return new Promise((resolve, reject) => {
    socket.once('open', () => reject(new Error('the upgrade was taken')))
    socket.once('error', () => {})
    socket.once('unexpected-response', (_request, response) => {
      let text = ''
      response.on('data', (piece: Buffer) => {
        text += piece.toString('utf8')
      })
      response.once('end', () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) }))
    })
  })
}
