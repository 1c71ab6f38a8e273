import type { ByteRange } from '../storage/contract.ts'

export type RangeChoice =
  | { kind: 'whole' }
  | { kind: 'unsatisfiable' }
  | { kind: 'ranges'; ranges: readonly [ByteRange, ...ByteRange[]] }

/** Past these a request costs more than it can be worth, and RFC 9110 §14.2 lets a server answer with everything. */
const mostParts = 16
const mostOverlaps = 2

/**
 * Decides what a `Range` field asks of a representation of `sizeBytes` bytes (RFC 9110 §14.1.2, §14.2). Overlapping and
 * adjacent ranges become one; the order is that of their first mention. A field that is malformed, of another unit or
 * abusive chooses the whole, as if it were not there.
 */
export function chooseRanges(field: string | undefined, sizeBytes: number): RangeChoice {
  const specs = field === undefined ? undefined : parseRangeSet(field)
  if (specs === undefined) return { kind: 'whole' }
  // Content-Range cannot say "nothing", so a range that starts where an empty file starts is given all there is.
  if (sizeBytes === 0 && specs.some((spec) => spec.first === 0 || (spec.first === undefined && spec.suffix > 0))) {
    return { kind: 'whole' }
  }
  const wanted = specs.flatMap((spec) => toRange(spec, sizeBytes))
  const { ranges, overlaps } = coalesce(wanted)
  const [first, ...others] = ranges
  if (first === undefined) return { kind: 'unsatisfiable' }
  if (ranges.length > mostParts || overlaps > mostOverlaps) return { kind: 'whole' }
  return { kind: 'ranges', ranges: [first, ...others] }
}

/** The value of `Content-Range` for one range of a representation. */
export function contentRange({ startBytes, lengthBytes }: ByteRange, sizeBytes: number): string {
  return `bytes ${startBytes}-${startBytes + lengthBytes - 1}/${sizeBytes}`
}

/** Positions are inclusive, as in the field; an open end is Infinity. */
type RangeSpec = { first: number; last: number } | { first: undefined; suffix: number }

function parseRangeSet(field: string): RangeSpec[] | undefined {
  const equals = field.indexOf('=')
  if (equals === -1 || field.slice(0, equals).toLowerCase() !== 'bytes') return undefined
  const specs: RangeSpec[] = []
  for (const element of field.slice(equals + 1).split(',')) {
    // RFC 9110 §5.6.1.2: empty list elements are to be tolerated.
    if (/^[ \t]*$/.test(element)) continue
    const spec = parseRangeSpec(element)
    if (spec === undefined) return undefined
    specs.push(spec)
  }
  return specs.length === 0 ? undefined : specs
}

function parseRangeSpec(element: string): RangeSpec | undefined {
  const [matched, start = '', end = ''] = /^[ \t]*(\d*)-(\d*)[ \t]*$/.exec(element) ?? []
  if (matched === undefined) return undefined
  if (start === '') return end === '' ? undefined : { first: undefined, suffix: Number(end) }
  const first = Number(start)
  const last = end === '' ? Number.POSITIVE_INFINITY : Number(end)
  return last < first ? undefined : { first, last }
}

/** The spec within the representation: one range, or none when it is not satisfiable. */
function toRange(spec: RangeSpec, sizeBytes: number): ByteRange[] {
  if (spec.first === undefined) {
    const lengthBytes = Math.min(spec.suffix, sizeBytes)
    return lengthBytes === 0 ? [] : [{ startBytes: sizeBytes - lengthBytes, lengthBytes }]
  }
  if (spec.first >= sizeBytes) return []
  return [{ startBytes: spec.first, lengthBytes: Math.min(spec.last, sizeBytes - 1) - spec.first + 1 }]
}

function coalesce(wanted: readonly ByteRange[]): { ranges: ByteRange[]; overlaps: number } {
  const merged: { startBytes: number; endBytes: number; mention: number }[] = []
  let overlaps = 0
  const ascending = wanted.map((range, mention) => ({ ...range, mention })).sort((a, b) => a.startBytes - b.startBytes)
  for (const { startBytes, lengthBytes, mention } of ascending) {
    const endBytes = startBytes + lengthBytes
    const previous = merged.at(-1)
    if (previous === undefined || startBytes > previous.endBytes) {
      merged.push({ startBytes, endBytes, mention })
      continue
    }
    if (startBytes < previous.endBytes) overlaps += 1
    previous.endBytes = Math.max(previous.endBytes, endBytes)
    previous.mention = Math.min(previous.mention, mention)
  }
  const ranges = merged
    .sort((a, b) => a.mention - b.mention)
    .map(({ startBytes, endBytes }) => ({ startBytes, lengthBytes: endBytes - startBytes }))
  return { ranges, overlaps }
}
