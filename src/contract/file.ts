/** A file as the API shows it. Sizes in bytes, times in ISO 8601, `hash` the SHA-256 in hexadecimal. */
export type FileView = {
  id: string
  name: string
  size: number
  contentType: string
  hash: string
  poolId: string
  bundleId: string | null
  expiredAt: string | null
  createdAt: string
  updatedAt: string
}
