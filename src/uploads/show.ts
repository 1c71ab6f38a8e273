import type { UploadProgress, UploadSummary, UploadView } from '../contract/upload.ts'
import { listReceived } from '../db/chunks.ts'
import type { Sql } from '../db/connect.ts'
import { findUpload, type UploadRow } from '../db/uploads.ts'
import { uploadNotFound } from './plan-cache.ts'
import { percent, presentProgress } from './progress.ts'

export type Wanted = { taskId: string; accountId: string }

/** All that a client needs to go on with an upload. Throws TASK_NOT_FOUND. */
export async function showUpload(sql: Sql, wanted: Wanted): Promise<UploadView> {
  return presentWhole(sql, await requireUpload(sql, wanted))
}

/** The same with which chunks are there, counted just now. */
export async function presentWhole(sql: Sql, upload: UploadRow): Promise<UploadView> {
  const uploadedChunks = await receivedChunks(sql, upload)
  return { ...presentUpload({ ...upload, chunksUploaded: uploadedChunks.length }), uploadedChunks }
}

/** An upload as lists show it. */
export function presentUpload(upload: UploadRow): UploadSummary {
  return {
    taskId: upload.taskId,
    fileName: upload.fileName,
    fileSize: upload.fileSizeBytes,
    contentType: upload.contentType,
    hash: upload.declaredSha256.toString('hex'),
    poolId: upload.poolId,
    bundleId: upload.bundleId,
    expiredAt: upload.fileExpiredAt?.toISOString() ?? null,
    chunkSize: upload.chunkSizeBytes,
    chunksCount: upload.chunksCount,
    chunksUploaded: upload.chunksUploaded,
    progress: percent(upload.chunksUploaded, upload.chunksCount),
    status: upload.status,
    phase: upload.phase,
    fileId: upload.fileId,
    errorMessage: upload.errorMessage,
    lastActivity: upload.lastActivity.toISOString(),
    createdAt: upload.createdAt.toISOString(),
    updatedAt: upload.updatedAt.toISOString(),
  }
}

/** How far an upload is. Throws TASK_NOT_FOUND. */
export async function showProgress(sql: Sql, wanted: Wanted): Promise<UploadProgress> {
  const upload = await requireUpload(sql, wanted)
  const received = await receivedChunks(sql, upload)
  return presentProgress(upload.taskId, { ...upload, chunksUploaded: received.length })
}

/** Throws TASK_NOT_FOUND when there is no such upload, also when the task is another account's or of another type. */
export async function requireUpload(sql: Sql, wanted: Wanted): Promise<UploadRow> {
  const upload = await findUpload(sql, wanted)
  if (!upload) throw uploadNotFound(wanted.taskId)
  return upload
}

async function receivedChunks(sql: Sql, upload: UploadRow): Promise<number[]> {
  // A finished upload's chunk rows are gone; all of its chunks arrived.
  if (upload.status === 'Completed') return Array.from({ length: upload.chunksCount }, (_, index) => index)
  return listReceived(sql, upload.taskId)
}
