import type { FileView } from '../contract/file.ts'
import type { Parallel } from './parallelism.ts'
import type { ResumeStore } from './platform.ts'

export type UploadOptions = {
  /** Its name; the file's own when it has one. */
  fileName?: string | undefined
  /** Its media type; the file's own, else `application/octet-stream`. */
  contentType?: string | undefined
  poolId?: string | undefined
  bundleId?: string | undefined
  /** Encrypts it on its way in, for whoever knows this; what is stored, and downloaded, is an age file. */
  encryptPassword?: string | undefined
  /** When the file expires. */
  expiredAt?: string | Date | undefined
  /** Bytes per chunk; the server may raise it. */
  chunkSize?: number | undefined
  /** How many chunks to send at once; found out by itself, unless it is a number. */
  parallel?: Parallel | undefined
  /** Chunks straight to the pool where it lets clients in, which is the default; false: all through the API. */
  direct?: boolean | undefined
  /** Names the upload across programs: with the same key and the same bytes it is gone on with. Made by itself when left out. */
  resumeKey?: string | undefined
  /** The unfinished upload to go on with, wherever it was begun. Other bytes than it was created for are refused: SOURCE_CHANGED. */
  taskId?: string | undefined
  /** Where unfinished uploads are noted, if not where the client does; null: nowhere. */
  resumeStore?: ResumeStore | null | undefined
  /** For how many seconds to go on trying while nothing at all arrives: 300. */
  giveUpAfterSeconds?: number | undefined
  /** Breaks it off. The upload stays, and the same call goes on with it. */
  signal?: AbortSignal | undefined
  /** Told what happens, several times a second at most. */
  onProgress?: ((progress: UploadState) => void) | undefined
}

export type UploadPhase = 'hashing' | 'uploading' | 'finishing' | 'done'

export type UploadState = {
  phase: UploadPhase
  /** Known from when the upload was created or found. */
  taskId: string | undefined
  fileName: string
  totalBytes: number
  /** While hashing the bytes that were read, afterwards those that are safely there. */
  loadedBytes: number
  /** Of the phase, from 0 to 100. */
  percent: number
  /** Over the last ten seconds. */
  bytesPerSecond: number
  /** At that speed; null while nothing moves. */
  secondsLeft: number | null
  isPaused: boolean
  /** Whether it was begun before, by this program or another. */
  isResumed: boolean
  /** How many chunks may be sent at once just now. */
  parallel: number
}

/** An upload on its way: the promise of its file, and what can be done with it meanwhile. */
export type UploadHandle = Promise<FileView> & {
  state: () => UploadState
  /** Holds it, here and on the server. Chunks under way are finished. */
  pause: () => Promise<void>
  resume: () => Promise<void>
  /** Ends it for good, here and on the server; the promise fails with UPLOAD_CANCELLED. */
  cancel: () => Promise<void>
}
