import {
  type Attributes as OtelAttributes,
  type Context,
  context,
  diag,
  DiagLogLevel,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
} from '@opentelemetry/api'
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources'
import {
  BatchSpanProcessor,
  ConsoleSpanExporter,
  NodeTracerProvider,
  type SpanExporter,
} from '@opentelemetry/sdk-trace-node'
import type { Log } from '../log.ts'
import { type Attributes, joinContext, type Span, type SpanStart, type Tracing } from './tracing.ts'

type Exporter = 'otlp/protobuf' | 'otlp/json' | 'console'

/** A collector that is away is told of so often at most: each batch of spans would say it anew. */
const complaintEveryMs = 60_000

const kinds = {
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
  internal: SpanKind.INTERNAL,
}

/**
 * Tells spans by OpenTelemetry's SDK, which reads its own variables. It is registered for the whole process, so that what an app's
 * own task types do with OpenTelemetry is part of their runs' spans.
 */
export async function openTelemetry(
  { exporter, serviceName }: { exporter: Exporter; serviceName: string },
  log: Log,
): Promise<Tracing> {
  complainTo(log)
  const given = detectResources({ detectors: [envDetector] })
  const resource = defaultResource()
    .merge(resourceFromAttributes({ 'service.name': serviceName }))
    .merge(given)
  const provider = new NodeTracerProvider({
    resource,
    spanProcessors: [new BatchSpanProcessor(await openExporter(exporter))],
  })
  provider.register()
  const tracer = provider.getTracer('longshore')
  const begin = (of: SpanStart): Span => beginSpan(tracer, of)
  return {
    isOn: true,
    begin,
    span: async (of, work) => {
      const span = begin(of)
      try {
        const result = await span.within(work)
        span.end()
        return result
      } catch (error) {
        span.end({ error })
        throw error
      }
    },
    traceparent: () => {
      const carrier: Record<string, string> = {}
      propagation.inject(context.active(), carrier)
      return joinContext(carrier['traceparent'], carrier['tracestate'])
    },
    close: () => provider.shutdown().catch((error: unknown) => log.debug({ err: error }, 'spans were not all sent')),
  }
}

function beginSpan(tracer: Tracer, { name, kind, parent, attributes, beganAtMs }: SpanStart): Span {
  const begun = tracer.startSpan(
    name,
    {
      kind: kinds[kind],
      attributes: known(attributes),
      ...(beganAtMs === undefined ? {} : { startTime: beganAtMs }),
    },
    contextOf(parent),
  )
  const inside = trace.setSpan(context.active(), begun)
  return {
    within: (work) => context.with(inside, work),
    end: ({ attributes: more, error } = {}) => {
      begun.setAttributes(known(more))
      if (error !== undefined) {
        const cause = error instanceof Error ? error : new Error('something was thrown that is no error')
        begun.recordException(cause)
        begun.setStatus({ code: SpanStatusCode.ERROR, message: cause.message })
      }
      begun.end()
    },
  }
}

/** What is not a context, as a caller may send anything, leads to a trace of its own. */
function contextOf(parent: string | null | undefined): Context {
  if (parent === undefined) return context.active()
  if (parent === null) return ROOT_CONTEXT
  const [traceparent = ''] = parent.split(' ', 1)
  return propagation.extract(ROOT_CONTEXT, { traceparent, tracestate: parent.slice(traceparent.length + 1) })
}

function known(attributes: Attributes = {}): OtelAttributes {
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined))
}

async function openExporter(exporter: Exporter): Promise<SpanExporter> {
  switch (exporter) {
    case 'console':
      return new ConsoleSpanExporter()
    case 'otlp/json':
      return new (await import('@opentelemetry/exporter-trace-otlp-http')).OTLPTraceExporter()
    case 'otlp/protobuf':
      return new (await import('@opentelemetry/exporter-trace-otlp-proto')).OTLPTraceExporter()
  }
}

/** Has what OpenTelemetry complains of in our log. */
function complainTo(log: Log): void {
  let saidAtMs = Number.NEGATIVE_INFINITY
  const complain = (message: string, ...more: unknown[]): void => {
    if (performance.now() - saidAtMs < complaintEveryMs) return
    saidAtMs = performance.now()
    log.warn({ said: message, more }, 'spans could not be told; further complaints are held back for a minute')
  }
  const quiet = (): void => {}
  diag.setLogger({ error: complain, warn: complain, info: quiet, debug: quiet, verbose: quiet }, DiagLogLevel.WARN)
}
