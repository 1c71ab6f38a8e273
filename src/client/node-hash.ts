import { Worker } from 'node:worker_threads'
import { reasonOf } from './backoff.ts'
import { isRecord, LongshoreError } from './errors.ts'
import type { HashOptions } from './platform.ts'

/** Kept as text, so that it needs no file of its own wherever the client is bundled. */
const program = `
const { createHash } = require('node:crypto')
const { open } = require('node:fs/promises')
const { parentPort, workerData } = require('node:worker_threads')

async function* pieces() {
  if (workerData.blob !== undefined) return yield* workerData.blob.stream()
  const file = await open(workerData.path)
  const buffer = Buffer.allocUnsafe(1024 * 1024)
  try {
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length)
      if (bytesRead === 0) return
      yield buffer.subarray(0, bytesRead)
    }
  } finally {
    await file.close()
  }
}

async function run() {
  const hash = createHash('sha256')
  let hashedBytes = 0
  let toldBytes = 0
  for await (const piece of pieces()) {
    hash.update(piece)
    hashedBytes += piece.length
    if (hashedBytes - toldBytes >= 8 * 1024 * 1024) {
      toldBytes = hashedBytes
      parentPort.postMessage({ hashedBytes })
    }
  }
  parentPort.postMessage({ hashedBytes, hash: hash.digest('hex') })
}
run().catch((error) => parentPort.postMessage({ error: String(error) }))
`

/** The SHA-256 of a file or Blob in hexadecimal, read and made on a thread of its own. Throws LongshoreError SOURCE_UNREADABLE. */
export async function hashOnThread(
  workerData: { path: string } | { blob: Blob },
  { onHashed, signal }: HashOptions,
): Promise<string> {
  signal.throwIfAborted()
  const worker = new Worker(program, { eval: true, workerData, name: 'longshore-hash' })
  try {
    return await new Promise<string>((resolve, reject) => {
      signal.addEventListener('abort', () => reject(reasonOf(signal)), { once: true })
      const fail = (cause: unknown): void =>
        reject(new LongshoreError('SOURCE_UNREADABLE', `It cannot be read: ${String(cause)}`, { cause }))
      worker.on('error', fail)
      worker.on('message', (message: unknown) => {
        if (!isRecord(message)) return
        if (typeof message['error'] === 'string') return fail(message['error'])
        if (typeof message['hashedBytes'] === 'number') onHashed(message['hashedBytes'])
        if (typeof message['hash'] === 'string') resolve(message['hash'])
      })
    })
  } finally {
    await worker.terminate()
  }
}
