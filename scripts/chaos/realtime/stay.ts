/**
 * Does work with a signal that fires after a while, or when `signal` does. (A signal made of others by AbortSignal.any may be
 * collected by Node 20 before it fires when nobody else holds it.)
 */
export async function stay<Answer>(
  stayMs: number,
  signal: AbortSignal,
  work: (leave: AbortSignal) => Promise<Answer>,
): Promise<Answer> {
  signal.throwIfAborted()
  const leaving = new AbortController()
  const leave = (): void => leaving.abort()
  const timer = setTimeout(leave, stayMs)
  signal.addEventListener('abort', leave)
  try {
    return await work(leaving.signal)
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', leave)
  }
}
