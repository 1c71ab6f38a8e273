import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { until } from './system.ts'

export type Received = { at: number; path: string; headers: IncomingHttpHeaders; body: string }

/** What a receiver does with a request that it has read: a status, or as it likes. */
export type Reply = number | ((response: ServerResponse, received: Received) => void)

/** Somebody's HTTP server that requests are sent to. */
export type Receiver = {
  url: string
  host: string
  port: number
  /** What came, in the order in which it was complete. */
  received: Received[]
  /** Waits until so many requests have come. */
  untilReceived: (count: number, deadlineMs?: number) => Promise<Received[]>
  /** Answers every request so from now on; 204 at first. */
  reply: (reply: Reply) => void
  close: () => Promise<void>
}

export async function startReceiver(host = '127.0.0.1', tls?: { cert: Buffer; key: Buffer }): Promise<Receiver> {
  const received: Received[] = []
  let answer: Reply = 204
  const take = (request: IncomingMessage, response: ServerResponse): void => {
    void read(request).then((body) => {
      const one = { at: Date.now(), path: request.url ?? '', headers: request.headers, body }
      received.push(one)
      if (typeof answer === 'number') response.writeHead(answer).end()
      else answer(response, one)
    })
  }
  const server = (tls ? createTlsServer(tls, take) : createServer(take)).listen(0, host)
  await once(server, 'listening')
  const { port } = Object(server.address())
  return {
    url: `${tls ? 'https' : 'http'}://${host}:${port}`,
    host,
    port: Number(port),
    received,
    untilReceived: (count, deadlineMs) =>
      until(async () => (received.length >= count ? received : undefined), deadlineMs),
    reply: (reply) => {
      answer = reply
    },
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

async function read(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = []
  for await (const piece of request) pieces.push(Buffer.from(piece))
  return Buffer.concat(pieces).toString()
}
