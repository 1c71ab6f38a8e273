import { type Box, type BoxEnd, type BoxPlace, type BoxPlan, openBox } from './box.ts'
import { ConversionError } from './conversion-error.ts'

export type RunLimits = { signal: AbortSignal; timeoutMs: number }

/**
 * Runs a tool to its end. Throws ConversionError when it fails, takes too long or wants more memory or disk than it may
 * have, and the signal's reason; the tool and whatever it started are dead then.
 */
export async function runTool(place: BoxPlace, plan: BoxPlan, limits: RunLimits): Promise<void> {
  limits.signal.throwIfAborted()
  const box = openBox(place, plan)
  box.stdin.end()
  const end = await untilEnd(box, limits, box.ended)
  if (end.why !== 'exit' || end.code !== 0) throw failure(end, place)
}

/** Waits for the box to answer or end, and ends it when the time is over or the signal fires. */
export async function untilEnd<Answer>(
  box: Box,
  { signal, timeoutMs }: RunLimits,
  answer: Promise<Answer>,
): Promise<Answer> {
  let isLate = false
  const onAbort = (): void => box.stop()
  const timer = setTimeout(() => {
    isLate = true
    box.stop()
  }, timeoutMs)
  signal.addEventListener('abort', onAbort)
  const outcome = await answer.then(
    (answered) => () => answered,
    (error: unknown) => () => {
      throw error
    },
  )
  clearTimeout(timer)
  signal.removeEventListener('abort', onAbort)
  // These are why it has ended, whatever it says itself.
  signal.throwIfAborted()
  if (isLate) throw new ConversionError('CONVERSION_TIMEOUT', `It was not done after ${timeoutMs / 1000} s.`)
  return outcome()
}

const mebibyte = 1024 * 1024

/** What a tool's end means for the file it was working on. */
export function failure({ why, code, signal, complaint }: BoxEnd, { limits }: BoxPlace): ConversionError {
  if (why === 'disk' || signal === 'SIGXFSZ' || /file too large/i.test(complaint)) {
    const most = `${Math.floor(limits.diskBytes / mebibyte)} MiB`
    return new ConversionError('CONVERSION_TOO_LARGE', `The source and its result do not fit into ${most}.`)
  }
  if (/out of memory|cannot allocate|bad_alloc|allocation failed|unable to allocate/i.test(complaint)) {
    const most = `${Math.floor(limits.memoryBytes / mebibyte)} MiB`
    return new ConversionError('CONVERSION_MEMORY', `It needs more than the ${most} of memory that it may have.`)
  }
  const last = complaint.split('\n').at(-1) ?? ''
  return new ConversionError(
    'CONVERSION_FAILED',
    `It could not be read or written: ${printable(last) || (signal ?? `exit code ${code}`)}`,
  )
}

/** One line that does no harm in a log or on a page. */
export function printable(text: string): string {
  return text
    .replaceAll(/[^\x20-\x7e]+/g, ' ')
    .trim()
    .slice(0, 200)
}
