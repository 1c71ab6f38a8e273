/** An S3 service and an account on it. */
export type ObjectStore = {
  /** What it is, for people: `Ceph 16.2.15`. */
  name: string
  endpoint: string
  region: string
  accessKeyId: string
  secretAccessKey: string
  /** True where a bucket is a folder of the address and not a part of the host's name. */
  forcePathStyle: boolean
}

/** One that its owner started, and may break. */
export type OwnObjectStore = ObjectStore & {
  /** Ends what speaks S3 at once, as a crash would. What it acknowledged is kept. */
  kill9: () => Promise<void>
  /** Starts it again at its address after `kill9`. */
  start: () => Promise<void>
  /** Lets it hang: connections are taken, nothing is answered. */
  freeze: () => void
  thaw: () => void
  /** Ends everything and removes the data. */
  stop: () => Promise<void>
}
