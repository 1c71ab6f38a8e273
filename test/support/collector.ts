import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { z } from 'zod'

/** A span as a collector has it, with what is said of the process that it is of. */
export type CollectedSpan = {
  traceId: string
  spanId: string
  traceState: string | undefined
  parentSpanId: string | undefined
  name: string
  kind: number
  service: string
  attributes: Record<string, unknown>
  isError: boolean
}

export type Export = { path: string; headers: IncomingHttpHeaders; body: Buffer }

export type Collector = {
  url: string
  /** What was posted to it, as it came. */
  exports: Export[]
  /** The spans of all exports in JSON. */
  spans: () => CollectedSpan[]
  close: () => Promise<void>
}

const attribute = z.object({ key: z.string(), value: z.record(z.string(), z.unknown()) })
/** What an OTLP/HTTP exporter posts in JSON (OpenTelemetry Protocol 1.x, trace.proto), as far as it is looked at. */
const traces = z.object({
  resourceSpans: z.array(
    z.object({
      resource: z.object({ attributes: z.array(attribute) }),
      scopeSpans: z.array(
        z.object({
          spans: z.array(
            z.object({
              traceId: z.string().regex(/^[0-9a-f]{32}$/),
              spanId: z.string().regex(/^[0-9a-f]{16}$/),
              traceState: z.string().optional(),
              parentSpanId: z.string().optional(),
              name: z.string(),
              kind: z.number(),
              attributes: z.array(attribute),
              status: z.object({ code: z.number() }),
            }),
          ),
        }),
      ),
    }),
  ),
})

/** An OpenTelemetry collector that takes traces by OTLP/HTTP. `answer` is the status it answers with. */
export async function openCollector(answer = 200): Promise<Collector> {
  const exports: Export[] = []
  const server = createServer((request, response) => {
    void buffer(request).then((body) => {
      exports.push({ path: request.url ?? '', headers: request.headers, body })
      response.writeHead(answer, { 'content-type': 'application/json' }).end('{}')
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    exports,
    spans: () =>
      exports
        .filter((one) => one.headers['content-type'] === 'application/json')
        .flatMap((one) => spansOf(traces.parse(JSON.parse(one.body.toString())))),
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

function spansOf({ resourceSpans }: z.output<typeof traces>): CollectedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map(({ status, attributes, ...span }) => ({
        ...span,
        parentSpanId: span.parentSpanId,
        traceState: span.traceState,
        service: String(valuesOf(resource.attributes)['service.name']),
        attributes: valuesOf(attributes),
        isError: status.code === 2,
      })),
    ),
  )
}

function valuesOf(attributes: readonly z.output<typeof attribute>[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))
}
