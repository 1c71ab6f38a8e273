import type { Bytes, Fetch } from './api.ts'

/** What an upload is made of, wherever it lies. */
export type Source = {
  name: string | undefined
  contentType: string | undefined
  sizeBytes: number
  /** Names these very bytes well enough not to read them again (path or name, size, time of change); undefined: nothing does. */
  fingerprint: string | undefined
  /** The bytes from `start` to before `end`. Throws LongshoreError SOURCE_CHANGED when there are fewer. */
  read: (start: number, end: number) => Promise<Bytes>
  /** The SHA-256 of all of it in hexadecimal, made off the main thread. */
  hash: (options: HashOptions) => Promise<string>
  close: () => Promise<void>
}

export type HashOptions = { onHashed: (hashedBytes: number) => void; signal: AbortSignal }

/** SHA-256 of what comes bit by bit. */
export type Hasher = { update: (bytes: Uint8Array) => void; digest: () => string }

/** Where it is kept which upload belongs to which source, so that it can be gone on with after the program was closed. */
export type ResumeStore = {
  get: (key: string) => Promise<string | undefined>
  set: (key: string, value: string) => Promise<void>
  delete: (key: string) => Promise<void>
}

/** A WebSocket, opened with what it tells. */
export type Socket = { send: (text: string) => void; close: () => void }
export type SocketHandlers = { onOpen: () => void; onMessage: (text: string) => void; onClose: () => void }

/** What browsers and Node do differently. */
export type Platform = {
  fetch: Fetch
  openSource: (input: unknown) => Promise<Source>
  openHasher: () => Promise<Hasher>
  /** The SHA-256 of a chunk in base64, off the main thread; undefined where that is not cheap. */
  digest: ((bytes: Bytes) => Promise<string>) | undefined
  /** The MD5 of a chunk in base64, for stores that chunks go straight to. */
  md5: (bytes: Bytes) => Promise<string>
  resumeStore: ResumeStore
  /** Tells `onClose` also when it cannot be opened. */
  openSocket: (url: string, handlers: SocketHandlers) => Promise<Socket>
  /** How many chunks are sent at once at most, unless said otherwise. */
  mostParallel: number
}
