import { reasonOf } from './backoff.ts'
import { isRecord } from './errors.ts'
import type { HashOptions } from './platform.ts'

type WebWorker = {
  postMessage: (message: unknown) => void
  terminate: () => void
  addEventListener: (type: string, listener: (event: { data?: unknown }) => void) => void
}
declare const Worker: new (url: URL, options: { type: 'module'; name: string }) => WebWorker

/** The SHA-256 of a Blob in a worker of its own. Where none can be started (a page's policy, a bundler), on this thread. */
export async function hashBlob(blob: Blob, options: HashOptions): Promise<string> {
  const hash = await hashInWorker(blob, options)
  if (hash !== undefined) return hash
  const { sha256OfBlob } = await import('./sha256.ts')
  return sha256OfBlob(blob, options.onHashed, options.signal)
}

async function hashInWorker(blob: Blob, { onHashed, signal }: HashOptions): Promise<string | undefined> {
  signal.throwIfAborted()
  const worker = startWorker()
  if (worker === undefined) return undefined
  try {
    return await new Promise<string | undefined>((resolve, reject) => {
      signal.addEventListener('abort', () => reject(reasonOf(signal)), { once: true })
      worker.addEventListener('error', () => resolve(undefined))
      worker.addEventListener('message', ({ data }) => {
        if (!isRecord(data)) return
        if (typeof data['hashedBytes'] === 'number') onHashed(data['hashedBytes'])
        else resolve(typeof data['hash'] === 'string' ? data['hash'] : undefined)
      })
      worker.postMessage(blob)
    })
  } finally {
    worker.terminate()
  }
}

function startWorker(): WebWorker | undefined {
  try {
    return new Worker(new URL('./hash-worker.js', import.meta.url), { type: 'module', name: 'longshore-hash' })
  } catch {
    return undefined
  }
}
