import type { UploadRow } from '../db/uploads.ts'

/** What is told of an upload that has become a file; with the last progress, for those who watch only that. */
export function completedEvent(upload: UploadRow, fileId: string, endedAt: Date) {
  const completedAt = endedAt.toISOString()
  const { taskId, fileName, fileSizeBytes: fileSize, chunksCount } = upload
  const lastProgress = {
    taskId,
    fileName,
    fileSize,
    chunksUploaded: chunksCount,
    chunksTotal: chunksCount,
    progress: 100,
    status: 'Completed' as const,
    lastActivity: completedAt,
  }
  return { type: 'upload.completed' as const, data: { taskId, fileId, fileName, fileSize, completedAt, lastProgress } }
}
