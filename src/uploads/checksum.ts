import { createHash } from 'node:crypto'
import xxhash from 'xxhash-wasm'

/** A running sum over a chunk's bytes. */
export type Checksum = {
  update: (piece: Buffer) => void
  /** The XXH64 of all that was taken in, 8 bytes, most significant first. */
  digest: () => Buffer
}

/**
 * Loads the checksum of chunks and answers how one is begun. It locates damage and proves nothing about identity: that is
 * what the SHA-256 over the whole file does. docs/decisions/0005 says why it is this one.
 */
export async function loadChecksum(): Promise<() => Checksum> {
  const hashes = await xxhash()
  return () => {
    const sum = hashes.create64()
    return {
      update: (piece) => {
        sum.update(piece)
      },
      digest: () => {
        const digest = Buffer.alloc(8)
        digest.writeBigUInt64BE(sum.digest())
        return digest
      },
    }
  }
}

const md5Bytes = 16

/** Loads what begins a sum of the kind that a chunk's checksum is: the XXH64 of one that came through us, or the MD5 of one that came without us. */
export async function loadChecksumLike(): Promise<(checksum: Buffer) => Checksum> {
  const createXxh64 = await loadChecksum()
  return (checksum) => {
    if (checksum.length !== md5Bytes) return createXxh64()
    const md5 = createHash('md5')
    return { update: (piece) => void md5.update(piece), digest: () => md5.digest() }
  }
}
