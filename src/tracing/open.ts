import type { Log } from '../log.ts'
import { noTracing, type Tracing } from './tracing.ts'

export type TracingOptions = {
  /** Where spans go; undefined: nowhere. */
  exporter: 'otlp/protobuf' | 'otlp/json' | 'console' | undefined
  /** What the process is called when OTEL_SERVICE_NAME does not say. */
  serviceName: string
}

/**
 * Opens what spans are told with. When they go nowhere OpenTelemetry is not even loaded. Where they go, how many and what they
 * are said to be of, its own variables decide (`OTEL_…`, docs/monitoring.md).
 */
export async function openTracing({ exporter, serviceName }: TracingOptions, log: Log): Promise<Tracing> {
  if (exporter === undefined) return noTracing
  const { openTelemetry } = await import('./open-telemetry.ts')
  return openTelemetry({ exporter, serviceName }, log)
}
