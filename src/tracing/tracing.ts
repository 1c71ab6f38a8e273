/** What a span tells beside its name and times. Undefined values are left out. */
export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>

export type SpanStart = {
  /** One of few: what is particular goes into attributes. */
  name: string
  /** What part the process has in it, by OpenTelemetry's words. */
  kind: 'server' | 'client' | 'producer' | 'consumer' | 'internal'
  /** The context it belongs to, as `joinContext` makes it, when that is not what is under way here. */
  parent?: string | null | undefined
  attributes?: Attributes
  /** When it began, if that was before now: milliseconds since 1970. */
  beganAtMs?: number
}

export type SpanEnd = { attributes?: Attributes; error?: unknown }

export type Span = {
  /** Runs something of which every further span is part of this one. */
  within: <Result>(work: () => Result) => Result
  end: (how?: SpanEnd) => void
}

/** Tells a collector what was done when, as spans of traces. Nothing of it throws. */
export type Tracing = {
  /** Whether anybody is told. Who would have to make something up for a span may ask first. */
  isOn: boolean
  begin: (of: SpanStart) => Span
  /** Runs `work` as a span, which ends when it does and says what it threw. */
  span: <Result>(of: SpanStart, work: () => Promise<Result>) => Promise<Result>
  /** The context of what is under way, as `joinContext` makes it, to be kept with what is done later; undefined outside of any span. */
  traceparent: () => string | undefined
  /** Sends what was not sent yet. */
  close: () => Promise<void>
}

/** A context in one text: `traceparent`, and behind a space `tracestate` if there is one (W3C Trace Context, which has no space in the first). */
export function joinContext(traceparent: string | undefined, tracestate: string | undefined): string | undefined {
  return traceparent === undefined || !tracestate ? traceparent : `${traceparent} ${tracestate}`
}

/** A span of what the ledger is asked to commit. */
export function inLedger(name: string, attributes: Attributes = {}): SpanStart {
  return { name, kind: 'client', attributes: { 'db.system.name': 'postgresql', ...attributes } }
}

const noSpan: Span = { within: (work) => work(), end: () => {} }

/** Tells nobody, and loads nothing. */
export const noTracing: Tracing = {
  isOn: false,
  begin: () => noSpan,
  span: (_of, work) => work(),
  traceparent: () => undefined,
  close: async () => {},
}
