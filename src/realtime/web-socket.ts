import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import { AppError } from '../errors.ts'
import { refuseTokenInUrl } from './admission.ts'
import type { Door, DoorOptions } from './door.ts'
import { refusalOf } from './refusal.ts'
import { closeCodes, WebSocketClient } from './web-socket-client.ts'

const path = '/ws'
/** Socket.IO serves upgrades of this path itself. */
const socketIoPath = '/socket.io/'
const pingEveryMs = 25_000

/**
 * Serves the plain WebSocket `/ws`: the client's first message is its token, and then both sides send `{ type, data }`.
 * Upgrades of any other path but Socket.IO's are refused.
 */
export function openWebSocket(options: DoorOptions): Door {
  const { httpServer, guard, limits, log } = options
  const server = new WebSocketServer({ noServer: true, maxPayload: limits.maxMessageBytes, perMessageDeflate: false })
  const clients = new Set<WebSocketClient>()
  let closing = false

  httpServer.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (request.url?.startsWith(socketIoPath)) return
    socket.on('error', () => socket.destroy())
    try {
      const refusal = guard.against(request)
      if (refusal) throw refusal
      refuseUpgrade(request, closing)
    } catch (error) {
      return answer(socket, refusalOf(error, log))
    }
    server.handleUpgrade(request, socket, head, (connection) => {
      const client = new WebSocketClient(options, { connection, request }, () => clients.delete(client))
      clients.add(client)
    })
  })
  const heartbeat = setInterval(() => {
    for (const client of clients) client.ping()
  }, pingEveryMs)
  const drop = (): void => {
    for (const client of clients) client.drop(closeCodes.goingAway)
  }
  return {
    drop,
    close: () => {
      closing = true
      clearInterval(heartbeat)
      drop()
    },
  }
}

/** Throws what is against an upgrade. */
function refuseUpgrade({ url = '' }: IncomingMessage, closing: boolean): void {
  const [pathname, query = ''] = url.split('?', 2)
  if (pathname !== path) throw new AppError('ROUTE_NOT_FOUND', 'There is no WebSocket here; it is at /ws.')
  refuseTokenInUrl(new URLSearchParams(query), 'the first message, { "type": "auth", "token": … }')
  if (closing) throw new AppError('SHUTTING_DOWN', 'This process is shutting down; connect again.')
}

function answer(socket: Duplex, refusal: ReturnType<typeof refusalOf>): void {
  const body = JSON.stringify(refusal)
  const head = [
    `HTTP/1.1 ${refusal.status} Refused`,
    'Connection: close',
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}
