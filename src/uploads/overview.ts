import type { UploadDetails, UploadStats } from '../contract/upload.ts'
import type { TaskStatus } from '../contract/task.ts'
import type { Sql } from '../db/connect.ts'
import { findPlaces, listUploads, measureArrival, sumUploads, type UploadSum } from '../db/upload-lists.ts'
import type { UploadRow } from '../db/uploads.ts'
import { presentUpload, presentWhole, requireUpload, type Wanted } from './show.ts'

const speedWindowMs = 30_000
const recentCount = 5

/** Everything about one upload, with how fast it comes in. Throws TASK_NOT_FOUND. */
export async function showDetails(sql: Sql, wanted: Wanted): Promise<UploadDetails> {
  const upload = await requireUpload(sql, wanted)
  const [whole, places, arrival] = await Promise.all([
    presentWhole(sql, upload),
    findPlaces(sql, upload.taskId),
    measureArrival(sql, upload.taskId, speedWindowMs),
  ])
  const { poolId, bundleId, errorCode } = upload
  const uploadSpeed = arrival.durationMs > 0 ? Math.round((1000 * arrival.bytes) / arrival.durationMs) : 0
  return {
    ...whole,
    errorCode,
    pool: { id: poolId, name: places?.poolName ?? '' },
    bundle: bundleId === null ? null : { id: bundleId, name: places?.bundleName ?? '' },
    uploadSpeed,
    estimatedTimeRemaining: secondsRemaining(upload, whole.uploadedChunks, uploadSpeed),
  }
}

function secondsRemaining(upload: UploadRow, uploadedChunks: readonly number[], speed: number): number | null {
  const { fileSizeBytes, chunkSizeBytes, chunksCount, status, phase } = upload
  if (status === 'Completed' || (status === 'InProgress' && phase === 'finishing')) return 0
  if (status !== 'InProgress') return null
  const lastIsThere = uploadedChunks.at(-1) === chunksCount - 1
  const lastLacksBytes = chunksCount * chunkSizeBytes - fileSizeBytes
  const receivedBytes = uploadedChunks.length * chunkSizeBytes - (lastIsThere ? lastLacksBytes : 0)
  const missingBytes = fileSizeBytes - receivedBytes
  if (missingBytes <= 0) return 0
  return speed > 0 ? Math.ceil(missingBytes / speed) : null
}

/** The figures of an account's uploads. */
export async function uploadStats(sql: Sql, accountId: string): Promise<UploadStats> {
  const latest = { accountId, sortBy: 'lastActivity', sortDescending: true, offset: 0, limit: recentCount } as const
  const [sums, recent] = await Promise.all([sumUploads(sql, accountId), listUploads(sql, latest)])
  const of = (status: TaskStatus): UploadSum | undefined => sums.find((sum) => sum.status === status)
  const count = (status: TaskStatus): number => of(status)?.count ?? 0
  return {
    totalTasks: sums.reduce((total, sum) => total + sum.count, 0),
    inProgressTasks: count('InProgress'),
    pausedTasks: count('Paused'),
    completedTasks: count('Completed'),
    failedTasks: count('Failed'),
    cancelledTasks: count('Cancelled'),
    expiredTasks: count('Expired'),
    totalUploadedBytes: sums.reduce((total, sum) => total + sum.uploadedBytes, 0),
    averageProgress: Math.floor(10 * (of('InProgress')?.progress ?? 0)) / 10,
    recentActivity: recent.uploads.map((upload) => {
      const { taskId, fileName, fileSize, status, progress, fileId, lastActivity } = presentUpload(upload)
      return { taskId, fileName, fileSize, status, progress, fileId, lastActivity }
    }),
  }
}
