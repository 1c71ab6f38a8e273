/** Sizes of the payload of c2sp.org/age. */
export const chunkBytes = 64 * 1024
export const tagBytes = 16
export const nonceBytes = 16
export const sealedChunkBytes = chunkBytes + tagBytes

/** The exact size of an age file with a header of that size around that much plaintext. */
export function encryptedSize(headerSizeBytes: number, plaintextSizeBytes: number): number {
  // Also an empty payload has a chunk, which is its tag alone.
  const chunks = Math.max(1, Math.ceil(plaintextSizeBytes / chunkBytes))
  return headerSizeBytes + nonceBytes + plaintextSizeBytes + chunks * tagBytes
}
