import { reasonOf } from './backoff.ts'
import type { Gate } from './gate.ts'

export type Sending = {
  /** The chunks to send. */
  indexes: readonly number[]
  /** Sends one, however often it takes. Rejects when there is no sense in going on. */
  sendOne: (index: number, signal: AbortSignal) => Promise<void>
  /** How many at once, as of now. */
  limit: () => number
  gate: Gate
  signal: AbortSignal
}

/**
 * Sends chunks, as many at once as the limit says at the time. While the gate is shut no chunk is begun; those under way are
 * finished. Rejects with the first failure, or the signal's reason, once nothing is under way any more.
 */
export async function sendChunks({ indexes, sendOne, limit, gate, signal }: Sending): Promise<void> {
  const stopping = new AbortController()
  const stop = (): void => stopping.abort(reasonOf(signal))
  if (signal.aborted) stop()
  signal.addEventListener('abort', stop, { once: true })
  const underWay = new Set<Promise<void>>()
  const begin = (index: number): void => {
    const one = sendOne(index, stopping.signal)
      // What failed first is why; what the others say then is that they were stopped.
      .catch((error: unknown) => stopping.abort(error))
      .finally(() => underWay.delete(one))
    underWay.add(one)
  }
  try {
    const rest = indexes.values()
    for (let next = rest.next(); !next.done && !stopping.signal.aborted; ) {
      if (underWay.size >= limit()) await Promise.race(underWay)
      else if (!gate.isOpen) await gate.pass(stopping.signal).catch(() => {})
      else {
        begin(next.value)
        next = rest.next()
      }
    }
  } finally {
    await Promise.all(underWay)
    signal.removeEventListener('abort', stop)
  }
  if (stopping.signal.aborted) throw reasonOf(stopping.signal)
}
