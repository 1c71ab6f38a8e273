import { LongshoreError } from './errors.ts'

const firstMs = 250
const longestMs = 15_000

/**
 * How long to wait before the next attempt, in milliseconds: what the server asks for and up to half a second more, else a
 * random part of a time that doubles with each attempt ("full jitter"), so that those who were thrown out together do not come
 * back together. `attempt` counts from 0.
 */
export function backoffMs(attempt: number, retryAfterSeconds?: number): number {
  if (retryAfterSeconds !== undefined) return retryAfterSeconds * 1000 + Math.random() * 500
  const ceilingMs = Math.min(firstMs * 2 ** attempt, longestMs)
  return ceilingMs / 4 + (Math.random() * ceilingMs * 3) / 4
}

/** Whether another attempt may fare better: nothing was answered, or the server says that it is busy or away. */
export function isPassing(error: unknown): error is LongshoreError {
  return (
    error instanceof LongshoreError && (error.status === 0 || passing.has(error.status)) && !lasting.has(error.code)
  )
}

const passing = new Set([408, 425, 429, 500, 502, 503, 504])
/** They last until somebody does something about them. */
const lasting = new Set(['UPLOAD_LIMIT', 'TASK_LIMIT', 'TOO_MANY_ATTEMPTS', 'UPLOAD_FAILED', 'CONVERSION_UNAVAILABLE'])

/** Resolves after so many milliseconds. Rejects with the signal's reason as soon as it fires. */
export async function pause(delayMs: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted()
  await new Promise<void>((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer)
      reject(reasonOf(signal))
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop)
      resolve()
    }, delayMs)
    signal?.addEventListener('abort', stop, { once: true })
  })
}

/** Why a signal fired, as an Error. */
export function reasonOf(signal: AbortSignal | undefined): Error {
  const reason: unknown = signal?.reason
  return reason instanceof Error
    ? reason
    : new LongshoreError('ABORTED', typeof reason === 'string' ? reason : 'It was broken off.')
}
