import { once } from 'node:events'
import { createServer } from 'node:http'
import { mayReadMetrics, metricsType } from '../src/metrics/guard.ts'

type Served = { token: string; host: string; port: number; read: () => Promise<string> }

/** Serves `/metrics` of a process that serves nothing else, to whoever brings the token. Rejects when the port is taken. */
export async function serveMetrics({ token, host, port, read }: Served): Promise<{ url: string; close: () => void }> {
  const server = createServer((request, response) => {
    const isAsked = request.url === '/metrics' && (request.method === 'GET' || request.method === 'HEAD')
    if (!isAsked) {
      response.writeHead(404).end()
    } else if (mayReadMetrics(token, request.headers.authorization)) {
      read().then(
        (text) => response.writeHead(200, { 'content-type': metricsType, 'cache-control': 'no-store' }).end(text),
        () => response.writeHead(500).end(),
      )
    } else {
      response.writeHead(401, { 'www-authenticate': 'Bearer' }).end()
    }
  })
  server.requestTimeout = 10_000
  server.listen(port, host)
  await once(server, 'listening')
  const address = server.address()
  const boundPort = typeof address === 'object' && address !== null ? address.port : port
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${boundPort}/metrics`,
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}
