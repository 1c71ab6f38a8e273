/**
 * The same stream until the signal fires; then it throws the signal's reason at once, also while it waits for the next
 * piece, and closes the source without waiting for it.
 */
export async function* untilAborted<T>(source: AsyncIterable<T>, signal: AbortSignal | undefined): AsyncGenerator<T> {
  const iterator = source[Symbol.asyncIterator]()
  try {
    for (;;) {
      const next = await orAbort(iterator.next(), signal)
      if (next.done) return
      yield next.value
    }
  } finally {
    const closing = iterator.return?.()
    if (signal?.aborted) closing?.catch(() => undefined)
    else await closing
  }
}

/** What the promise comes to, or the signal's reason as soon as it fires. */
export async function orAbort<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(asError(signal.reason))
    const settled = (): void => signal.removeEventListener('abort', stop)
    signal.addEventListener('abort', stop, { once: true })
    promise.then(resolve, reject).finally(settled)
    if (signal.aborted) stop()
  })
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error('the work was stopped', { cause: reason })
}
