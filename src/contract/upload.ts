import { z } from 'zod'
import type { DirectPage } from './direct.ts'
import { optional, storableText } from './fields.ts'
import type { FileView } from './file.ts'
import { taskStatuses, type TaskStatus } from './task.ts'

/** Every plan has at most so many chunks; a chunk size that would need more is raised. Also S3's limit on parts. */
export const maxChunks = 10_000

const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
// RFC 9110 §8.3.1: type "/" subtype, then parameters whose values are tokens or quoted strings.
const mediaType = new RegExp(`^${token}/${token}(?:[ \\t]*;[ \\t]*${token}=(?:${token}|"[^"\\\\\\r\\n\\0]*"))*$`)

/** Body of `POST /api/files/upload/create`. */
export const createUploadRequest = z.strictObject({
  fileName: storableText(1024),
  fileSize: z.int().min(0),
  contentType: z.string().max(255).regex(mediaType, 'must be a media type such as video/mp4'),
  poolId: optional(z.uuid().toLowerCase()),
  bundleId: optional(z.uuid()),
  chunkSize: optional(z.int().min(1)),
  encryptPassword: optional(
    z
      .string()
      .min(1)
      .max(1024)
      .refine((password) => password.isWellFormed(), 'must be well-formed Unicode'),
  ),
  /** Whether the answer is to have URLs by which the first chunks go straight to the pool. */
  direct: optional(z.boolean()),
  expiredAt: optional(
    z.iso
      .datetime({ offset: true })
      .transform((text) => new Date(text))
      .refine((moment) => moment.getTime() > Date.now(), 'must lie in the future'),
  ),
  hash: z
    .string()
    .regex(/^[0-9a-f]{64}$/i, 'must be the SHA-256 of the file, 64 hexadecimal digits')
    .transform((text) => text.toLowerCase()),
})
export type CreateUploadRequest = z.output<typeof createUploadRequest>

/** Answer of create: either the file is there already, or the plan by which it is to be sent. */
export type CreateUploadResponse =
  | { fileExists: true; file: FileView }
  | {
      fileExists: false
      taskId: string
      chunkSize: number
      chunksCount: number
      /** When it was asked for: where chunks may be sent to; null where the pool takes them through the API only. */
      direct?: DirectPage | null
      /** Where the pool shares bytes between accounts: answered well, the file is there without being sent. */
      challenge?: UploadChallenge
    }

/** Bytes of its file that a client is asked for: `nonce` in hexadecimal, stretches in bytes, in order. */
export type UploadChallenge = { nonce: string; ranges: { offset: number; length: number }[]; expiresAt: string }

/** Body of `POST …/prove/{taskId}`. */
export const proveUploadRequest = z.strictObject({
  proof: z
    .string()
    .regex(/^[0-9a-f]{64}$/i, 'must be the SHA-256 of the nonce and the bytes asked for, 64 hexadecimal digits')
    .transform((text) => Buffer.from(text, 'hex')),
})

/** Answer of prove: the file, or nothing was there that the proof fits, and the chunks are to be sent. */
export type ProveUploadResponse = { fileExists: true; file: FileView } | { fileExists: false }

/** The query of `GET …/tasks`. */
export const listUploadsQuery = z.strictObject({
  status: z.enum(taskStatuses).optional(),
  sortBy: z.enum(['filename', 'filesize', 'createdAt', 'updatedAt', 'lastActivity']).default('lastActivity'),
  sortDescending: z.stringbool({ truthy: ['true'], falsy: ['false'] }).default(true),
  offset: z.coerce.number().int().min(0).max(1_000_000).default(0),
  limit: z.coerce.number().int().min(1).max(200).default(50),
})

/** The query of `GET …/tasks/recent`. */
export const recentUploadsQuery = z.strictObject({ limit: z.coerce.number().int().min(1).max(200).default(10) })

/** An upload as lists show it. Sizes in bytes, times in ISO 8601. */
export type UploadSummary = {
  taskId: string
  fileName: string
  fileSize: number
  contentType: string
  hash: string
  poolId: string
  bundleId: string | null
  expiredAt: string | null
  chunkSize: number
  chunksCount: number
  chunksUploaded: number
  /** Percent of the chunks that are safely there. */
  progress: number
  status: TaskStatus
  phase: 'receiving' | 'finishing' | 'done'
  fileId: string | null
  errorMessage: string | null
  lastActivity: string
  createdAt: string
  updatedAt: string
}

/** Answer of `GET …/resume/{taskId}`: all a client needs to go on. */
export type UploadView = UploadSummary & { uploadedChunks: number[] }

/** Answer of `GET …/tasks/{taskId}/details`. */
export type UploadDetails = UploadView & {
  errorCode: string | null
  pool: { id: string; name: string }
  bundle: { id: string; name: string } | null
  /** Bytes per second over the last 30 s, or since it was begun or resumed when that is less. */
  uploadSpeed: number
  /** Seconds until every byte is there at that speed; null when nothing arrives, 0 when all is there. */
  estimatedTimeRemaining: number | null
}

/** Answer of `GET …/stats`: of the account's uploads that are still on record. */
export type UploadStats = {
  totalTasks: number
  inProgressTasks: number
  pausedTasks: number
  completedTasks: number
  failedTasks: number
  cancelledTasks: number
  expiredTasks: number
  /** Bytes that arrived, also of uploads that did not end well. */
  totalUploadedBytes: number
  /** Percent, of those in progress; 0 when there are none. */
  averageProgress: number
  /** The uploads that something happened to last, the latest first. */
  recentActivity: Pick<
    UploadSummary,
    'taskId' | 'fileName' | 'fileSize' | 'status' | 'progress' | 'fileId' | 'lastActivity'
  >[]
}

/** Answer of `GET …/progress/{taskId}`; also the data of the event `upload.progress`. */
export type UploadProgress = {
  taskId: string
  fileName: string
  fileSize: number
  chunksUploaded: number
  chunksTotal: number
  progress: number
  status: TaskStatus
  lastActivity: string
}
