import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto'
import { chunkBytes, sealedChunkBytes, tagBytes } from './sizes.ts'

// The STREAM of c2sp.org/age: chunks of 64 KiB, each sealed with ChaCha20-Poly1305 under a nonce that has its number and
// whether it is the last. A batch is a run of chunks, worked on in place: sealed chunks lie end to end from the start of
// its bytes; plaintext to be sealed lies where its sealed chunk will, and plaintext that was opened lies end to end.

/** Why a batch cannot be opened any further. */
export type Fault = 'cut' | 'cut end' | 'continued' | 'damaged' | 'damaged end'

export type Task = {
  kind: 'seal' | 'open'
  key: Uint8Array
  /** The number of the batch's first chunk in the payload. */
  firstChunk: number
  bytes: Uint8Array
  /** How much of the batch is filled, gaps not counted. */
  lengthBytes: number
  /** The payload ends with this batch. */
  isLast: boolean
}

/** The same bytes, worked on. Up to `lengthBytes` they are good, also beside a fault. */
export type Done = { bytes: Uint8Array; lengthBytes: number; fault?: Fault | undefined }

type Opened = { opened: Buffer; fault: Fault | undefined }

const nothing = Buffer.alloc(0)
const algorithm = 'chacha20-poly1305'
const options = { authTagLength: tagBytes }
/** The cipher answers in new memory each time; in pieces of this size that costs a sixth less CPU than in whole chunks. */
const stepBytes = 16 * 1024

/** Seals or opens a batch on this thread: about 0.8 ms for a MiB. The bytes are changed in place. */
export function work(task: Task): Done {
  // A key object is looked through once; bytes would be for every chunk.
  const key = createSecretKey(task.key)
  return task.kind === 'seal' ? seal(key, task) : open(key, task)
}

function seal(key: KeyObject, { firstChunk, bytes, lengthBytes, isLast }: Task): Done {
  const chunks = Math.max(1, Math.ceil(lengthBytes / chunkBytes))
  for (let index = 0; index < chunks; index++) {
    const nonce = chunkNonce(firstChunk + index, isLast && index === chunks - 1)
    const startBytes = index * sealedChunkBytes
    const plainBytes = Math.min(chunkBytes, lengthBytes - index * chunkBytes)
    const cipher = createCipheriv(algorithm, key, nonce, options)
    for (let fromBytes = 0; fromBytes < plainBytes; fromBytes += stepBytes) {
      const piece = bytes.subarray(startBytes + fromBytes, startBytes + Math.min(fromBytes + stepBytes, plainBytes))
      bytes.set(cipher.update(piece), startBytes + fromBytes)
    }
    cipher.final()
    bytes.set(cipher.getAuthTag(), startBytes + plainBytes)
  }
  return { bytes, lengthBytes: lengthBytes + chunks * tagBytes }
}

function open(key: KeyObject, { firstChunk, bytes, lengthBytes, isLast }: Task): Done {
  const chunks = Math.ceil(lengthBytes / sealedChunkBytes)
  if (chunks === 0) return { bytes, lengthBytes: 0, fault: 'cut' }
  let openedBytes = 0
  for (let index = 0; index < chunks; index++) {
    const sealed = bytes.subarray(index * sealedChunkBytes, Math.min((index + 1) * sealedChunkBytes, lengthBytes))
    const { opened, fault } = openOne(key, firstChunk + index, isLast && index === chunks - 1, sealed)
    bytes.set(opened, openedBytes)
    openedBytes += opened.length
    if (fault !== undefined) return { bytes, lengthBytes: openedBytes, fault }
  }
  return { bytes, lengthBytes: openedBytes }
}

/**
 * A whole chunk is known by its tag also where it should not be: one that others should follow ends the file when that
 * was cut off between chunks, and a last one is followed by others when something was added. Its plaintext is as good as
 * that of any chunk before the fault. Cut off inside a chunk, nothing tells a file from a damaged one, unless not even a
 * tag is left; a short chunk after good ones is called cut, because of many bytes few are in the last chunk.
 */
function openOne(key: KeyObject, chunk: number, isFinal: boolean, sealed: Uint8Array): Opened {
  const opened = openChunk(key, chunk, isFinal, sealed)
  // An empty chunk may only be the whole payload.
  if (opened !== undefined && (opened.length > 0 || chunk === 0)) return { opened, fault: undefined }
  if (sealed.length < tagBytes) return { opened: nothing, fault: 'cut' }
  const whole = sealed.length === sealedChunkBytes ? openChunk(key, chunk, !isFinal, sealed) : undefined
  if (whole !== undefined) return { opened: whole, fault: isFinal ? 'cut' : 'continued' }
  if (!isFinal) return { opened: nothing, fault: 'damaged' }
  const isShort = chunk > 0 && sealed.length < sealedChunkBytes
  return { opened: nothing, fault: isShort ? 'cut end' : 'damaged end' }
}

function openChunk(key: KeyObject, chunk: number, isFinal: boolean, sealed: Uint8Array): Buffer | undefined {
  if (sealed.length < tagBytes) return undefined
  const endBytes = sealed.length - tagBytes
  const decipher = createDecipheriv(algorithm, key, chunkNonce(chunk, isFinal), options)
  decipher.setAuthTag(sealed.subarray(endBytes))
  const opened = decipher.update(sealed.subarray(0, endBytes))
  try {
    decipher.final()
    return opened
  } catch {
    return undefined
  }
}

/** Eleven bytes of the chunk's number, big-endian, and one that is 1 for the last. */
function chunkNonce(chunk: number, isFinal: boolean): Buffer {
  const nonce = Buffer.alloc(12)
  nonce.writeUIntBE(chunk, 5, 6)
  nonce.writeUInt8(isFinal ? 1 : 0, 11)
  return nonce
}
