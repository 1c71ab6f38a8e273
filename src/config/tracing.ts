import { z } from 'zod'
import { type Read, url } from './values.ts'

/** Where spans are told, by the names that OpenTelemetry's specification gives; undefined: nowhere, and nothing is loaded for it. */
export type TracingConfig = { exporter: 'otlp/protobuf' | 'otlp/json' | 'console' | undefined }

const endpoint = url(['http', 'https']).optional()
const protocol = z
  .enum(['http/protobuf', 'http/json'], 'must be http/protobuf or http/json; gRPC is not spoken here')
  .optional()

/** What is read here decides whether and how; everything else of `OTEL_…` the SDK reads itself. */
export const tracingSettings = {
  OTEL_SDK_DISABLED: z.string().optional(),
  OTEL_TRACES_EXPORTER: z.enum(['otlp', 'console', 'none'], 'must be otlp, console or none').optional(),
  OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: endpoint,
  OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
  OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: protocol,
}

export function tracingConfig(set: Read<typeof tracingSettings>): TracingConfig {
  return { exporter: set.OTEL_SDK_DISABLED?.toLowerCase() === 'true' ? undefined : exporterOf(set) }
}

/** An endpoint alone turns it on: the specification's default exporter is OTLP. */
function exporterOf(set: Read<typeof tracingSettings>): TracingConfig['exporter'] {
  const hasEndpoint = (set.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? set.OTEL_EXPORTER_OTLP_ENDPOINT) !== undefined
  const wanted = set.OTEL_TRACES_EXPORTER ?? (hasEndpoint ? 'otlp' : 'none')
  if (wanted === 'none') return undefined
  if (wanted === 'console') return 'console'
  const spoken = set.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL ?? set.OTEL_EXPORTER_OTLP_PROTOCOL ?? 'http/protobuf'
  return spoken === 'http/json' ? 'otlp/json' : 'otlp/protobuf'
}
