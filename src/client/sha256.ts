import { createMD5, createSHA256 } from 'hash-wasm'
import type { Hasher } from './platform.ts'

const sliceBytes = 4 * 1024 * 1024

/** SHA-256 bit by bit, which WebCrypto cannot do. */
export async function openWasmHasher(): Promise<Hasher> {
  const hasher = await createSHA256()
  hasher.init()
  return { update: (bytes) => void hasher.update(bytes), digest: () => hasher.digest('hex') }
}

/** The SHA-256 of a Blob in hexadecimal, read slice by slice; between slices others get a turn. */
export async function sha256OfBlob(
  blob: Blob,
  onHashed: (hashedBytes: number) => void,
  signal?: AbortSignal,
): Promise<string> {
  const hasher = await openWasmHasher()
  for (let start = 0; start < blob.size; start += sliceBytes) {
    signal?.throwIfAborted()
    const end = Math.min(start + sliceBytes, blob.size)
    hasher.update(new Uint8Array(await blob.slice(start, end).arrayBuffer()))
    onHashed(end)
  }
  return hasher.digest()
}

/** The MD5 of a chunk in base64. */
export async function md5OfBlob(blob: Blob): Promise<string> {
  const hasher = await createMD5()
  hasher.init()
  hasher.update(new Uint8Array(await blob.arrayBuffer()))
  return btoa(String.fromCharCode(...hasher.digest('binary')))
}
