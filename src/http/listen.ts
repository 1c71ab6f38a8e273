import { createServer, type RequestListener, type Server, type ServerResponse, STATUS_CODES } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { AppError, systemCode } from '../errors.ts'

export type Listening = {
  server: Server
  url: string
  /** Takes no new connections and lets requests in flight end, for up to `withinMs`; then cuts what is left. */
  close: (withinMs: number) => Promise<void>
}

/**
 * What a client may take for the head and for all of a request, how large the head may be, and how long a connection stays
 * open between two. A chunk may come over a slow line; a body from which nothing comes at all is ended where it is read.
 */
export type RequestBounds = {
  headWithinMs: number
  requestWithinMs: number
  idleWithinMs: number
  maxHeadBytes: number
}

const usualBounds: RequestBounds = {
  headWithinMs: 30_000,
  requestWithinMs: 60 * 60_000,
  // Longer than load balancers keep idle connections, so that it is they who close them.
  idleWithinMs: 65_000,
  maxHeadBytes: 16_384,
}

/** Serves an application. Throws the system's error when the address cannot be had (EADDRINUSE, EACCES). */
export async function listen(
  app: RequestListener,
  { host, port }: { host: string; port: number },
  { headWithinMs, requestWithinMs, idleWithinMs, maxHeadBytes }: RequestBounds = usualBounds,
): Promise<Listening> {
  const server = createServer(
    {
      requestTimeout: requestWithinMs,
      // Node takes no head longer than the whole.
      headersTimeout: Math.min(headWithinMs, requestWithinMs),
      // How often Node looks.
      connectionsCheckingInterval: Math.min(30_000, headWithinMs),
      keepAliveTimeout: idleWithinMs,
      maxHeaderSize: maxHeadBytes,
    },
    app,
  )
  const responses = new Set<ServerResponse>()
  server.on('request', (_request, response) => {
    responses.add(response)
    response.once('close', () => responses.delete(response))
  })
  server.on('clientError', refuseUnreadable)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      resolve()
    })
  })
  return { server, url: urlOf(server.address()), close: (withinMs) => close(server, responses, withinMs) }
}

/** Answers what the HTTP parser would not take in the same form as every other error, and hangs up. */
function refuseUnreadable(error: Error, socket: Duplex): void {
  if (systemCode(error) === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const { code, message, status } = whyUnreadable(systemCode(error))
  const body = JSON.stringify({ code, message, status, details: {} })
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Type: application/json; charset=utf-8`
  socket.end(`${head}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
}

function whyUnreadable(code: string | undefined): AppError {
  if (code === 'HPE_HEADER_OVERFLOW') return new AppError('HEADERS_TOO_LARGE', 'The head of the request is too large.')
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return new AppError('REQUEST_TIMEOUT', 'The request took too long to arrive.')
  return new AppError('MALFORMED_REQUEST', 'The request is not readable HTTP/1.1.')
}

function urlOf(address: AddressInfo | string | null): string {
  if (address === null || typeof address === 'string') throw new Error('the server has no TCP address')
  const host = address.address === '0.0.0.0' || address.address === '::' ? 'localhost' : address.address
  return `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`
}

function close(server: Server, responses: ReadonlySet<ServerResponse>, withinMs: number): Promise<void> {
  for (const response of responses) if (!response.headersSent) response.setHeader('Connection', 'close')
  return new Promise((resolve) => {
    // An answer that had begun before leaves its connection open, and idle, when it ends.
    const tidying = setInterval(() => server.closeIdleConnections(), 100)
    const timer = setTimeout(() => server.closeAllConnections(), withinMs)
    server.close(() => {
      clearInterval(tidying)
      clearTimeout(timer)
      resolve()
    })
  })
}
