import { z } from 'zod'
import { directPage } from './direct.ts'
import { count, flag, id, instant, optional, page, storableText } from './fields.ts'
import { fileView } from './file.ts'
import { taskStatuses } from './task.ts'

/** Every plan has at most so many chunks; a chunk size that would need more is raised. Also S3's limit on parts. */
export const maxChunks = 10_000

const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
// RFC 9110 §8.3.1: type "/" subtype, then parameters whose values are tokens or quoted strings.
const mediaType = new RegExp(`^${token}/${token}(?:[ \\t]*;[ \\t]*${token}=(?:${token}|"[^"\\\\\\r\\n\\0]*"))*$`)

const percent = z.number().min(0).max(100)

/** Body of `POST /api/files/upload/create`. */
export const createUploadRequest = z.strictObject({
  fileName: storableText(1024).meta({ examples: ['holiday.mp4'] }),
  fileSize: z.int().min(0),
  contentType: z
    .string()
    .max(255)
    .regex(mediaType, 'must be a media type such as video/mp4')
    .meta({ examples: ['video/mp4'] }),
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
    .meta({ examples: ['9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'] })
    .transform((text) => text.toLowerCase()),
})
export type CreateUploadRequest = z.output<typeof createUploadRequest>

/** Bytes of its file that a client is asked for. */
const uploadChallenge = z.strictObject({
  nonce: z.string().describe('In hexadecimal.'),
  ranges: z.array(z.strictObject({ offset: count, length: count })).describe('In bytes, in their order.'),
  expiresAt: instant,
})
export type UploadChallenge = z.output<typeof uploadChallenge>

/** Answer of create: either the file is there already, or the plan by which it is to be sent. */
export const createUploadResponse = z
  .union([
    z.strictObject({ fileExists: z.literal(true), file: fileView }),
    z.strictObject({
      fileExists: z.literal(false),
      taskId: id,
      chunkSize: count.describe('In bytes; of all chunks but the last, which may be smaller.'),
      chunksCount: count,
      direct: directPage
        .nullable()
        .exactOptional()
        .describe(
          'When it was asked for: where chunks may be sent to; null where the pool takes them through the API only.',
        ),
      challenge: uploadChallenge
        .exactOptional()
        .describe('Where the pool shares bytes between accounts: answered well, the file is there without being sent.'),
    }),
  ])
  .meta({ id: 'UploadPlan' })
export type CreateUploadResponse = z.output<typeof createUploadResponse>

/** Body of `POST …/prove/{taskId}`. */
export const proveUploadRequest = z.strictObject({
  proof: z
    .string()
    .regex(/^[0-9a-f]{64}$/i, 'must be the SHA-256 of the nonce and the bytes asked for, 64 hexadecimal digits')
    .meta({ examples: ['9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'] })
    .transform((text) => Buffer.from(text, 'hex')),
})

/** Answer of prove: the file, or nothing was there that the proof fits, and the chunks are to be sent. */
export const proveUploadResponse = z
  .union([
    z.strictObject({ fileExists: z.literal(true), file: fileView }),
    z.strictObject({ fileExists: z.literal(false) }),
  ])
  .meta({ id: 'UploadProof' })
export type ProveUploadResponse = z.output<typeof proveUploadResponse>

/** The query of `GET …/tasks`. */
export const listUploadsQuery = z.strictObject({
  status: z.enum(taskStatuses).optional(),
  sortBy: z.enum(['filename', 'filesize', 'createdAt', 'updatedAt', 'lastActivity']).default('lastActivity'),
  sortDescending: flag.default(true),
  ...page,
})

/** The query of `GET …/tasks/recent`. */
export const recentUploadsQuery = z.strictObject({ limit: z.coerce.number().int().min(1).max(200).default(10) })

/** An upload as lists show it. */
export const uploadSummary = z
  .strictObject({
    taskId: id,
    fileName: z.string(),
    fileSize: count.describe('In bytes.'),
    contentType: z.string(),
    hash: z.string(),
    poolId: id,
    bundleId: id.nullable(),
    expiredAt: instant.nullable().describe('When the file expires.'),
    chunkSize: count,
    chunksCount: count,
    chunksUploaded: count,
    progress: percent.describe('Of the chunks that are safely there, in percent.'),
    status: z.enum(taskStatuses),
    phase: z.enum(['receiving', 'finishing', 'done']),
    fileId: id.nullable(),
    errorMessage: z.string().nullable(),
    lastActivity: instant,
    createdAt: instant,
    updatedAt: instant,
  })
  .meta({ id: 'UploadSummary' })
export type UploadSummary = z.output<typeof uploadSummary>

/** Answer of `GET …/resume/{taskId}`: all a client needs to go on. */
export const uploadView = uploadSummary.extend({ uploadedChunks: z.array(count) }).meta({ id: 'Upload' })
export type UploadView = z.output<typeof uploadView>

const named = z.strictObject({ id, name: z.string() })

/** Answer of `GET …/tasks/{taskId}/details`. */
export const uploadDetails = uploadView
  .extend({
    errorCode: z.string().nullable(),
    pool: named,
    bundle: named.nullable(),
    uploadSpeed: z
      .number()
      .min(0)
      .describe('Bytes per second over the last 30 s, or since it was begun or resumed when that is less.'),
    estimatedTimeRemaining: z
      .number()
      .min(0)
      .nullable()
      .describe('Seconds until every byte is there at that speed; null when nothing arrives, 0 when all is there.'),
  })
  .meta({ id: 'UploadDetails' })
export type UploadDetails = z.output<typeof uploadDetails>

/** Answer of `GET …/stats`: of the account's uploads that are still on record. */
export const uploadStats = z
  .strictObject({
    totalTasks: count,
    inProgressTasks: count,
    pausedTasks: count,
    completedTasks: count,
    failedTasks: count,
    cancelledTasks: count,
    expiredTasks: count,
    totalUploadedBytes: count.describe('Bytes that arrived, also of uploads that did not end well.'),
    averageProgress: percent.describe('Percent, of those in progress; 0 when there are none.'),
    recentActivity: z
      .array(
        uploadSummary.pick({
          taskId: true,
          fileName: true,
          fileSize: true,
          status: true,
          progress: true,
          fileId: true,
          lastActivity: true,
        }),
      )
      .describe('The uploads that something happened to last, the latest first.'),
  })
  .meta({ id: 'UploadStats' })
export type UploadStats = z.output<typeof uploadStats>

/** Answer of `GET …/progress/{taskId}`; also the data of the event `upload.progress`. */
export const uploadProgress = z
  .strictObject({
    taskId: id,
    fileName: z.string(),
    fileSize: count,
    chunksUploaded: count,
    chunksTotal: count,
    progress: percent,
    status: z.enum(taskStatuses),
    lastActivity: instant,
  })
  .meta({ id: 'UploadProgress' })
export type UploadProgress = z.output<typeof uploadProgress>

/** Answer of a chunk that is safely there. */
export const chunkReceived = z.strictObject({ taskId: id, chunkIndex: count })
