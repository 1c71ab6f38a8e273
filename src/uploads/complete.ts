import type { FileView } from '../contract/file.ts'
import { listMissing } from '../db/chunks.ts'
import { type Query, type Sql, transact } from '../db/connect.ts'
import type { Signals } from '../db/signals.ts'
import { makeRunnable } from '../db/tasks.ts'
import { findUpload, startFinishing, type UploadRow } from '../db/uploads.ts'
import { AppError, type ErrorCode, errorStatus } from '../errors.ts'
import { getFile, presentFile } from '../files/get.ts'
import type { Dispatcher } from '../tasks/dispatch.ts'
import { waitForTask } from '../tasks/wait.ts'
import { inLedger, type Tracing } from '../tracing/tracing.ts'
import { uploadNotFound } from './plan-cache.ts'
import { uploadPaused } from './receive.ts'
import type { Wanted } from './show.ts'

export type CompleteDeps = {
  sql: Sql
  signals: Pick<Signals, 'onTask'>
  dispatcher: Pick<Dispatcher, 'admit'>
  tracing: Pick<Tracing, 'span' | 'traceparent'>
}

/**
 * Has an upload finished and waits for its file, up to `waitMs`; undefined when a worker is still at it. Repeating it
 * is safe at any time: there is one file. Throws TASK_NOT_FOUND, CHUNKS_MISSING, CHUNKS_DAMAGED (with the indexes to send
 * again), HASH_MISMATCH, UPLOAD_FAILED, UPLOAD_ENDED.
 */
export async function completeUpload(
  { sql, signals, dispatcher, tracing }: CompleteDeps,
  wanted: Wanted,
  { waitMs, signal }: { waitMs: number; signal: AbortSignal },
): Promise<FileView | undefined> {
  const traceparent = tracing.traceparent()
  const upload = await tracing.span(inLedger('commit finish'), () =>
    transact(sql, (query) => requestFinish(query, wanted, traceparent)),
  )
  if (upload.phase === 'finishing') dispatcher.admit()
  const probe = async (): Promise<FileView | undefined> => {
    const current = await findUpload(sql, wanted)
    if (!current) throw uploadNotFound(wanted.taskId)
    return readOutcome(sql, current)
  }
  const options = { signals, taskId: wanted.taskId, timeoutMs: waitMs, signal }
  return (await readOutcome(sql, upload)) ?? (await waitForTask(options, probe))
}

async function requestFinish(query: Query, wanted: Wanted, traceparent: string | undefined): Promise<UploadRow> {
  const upload = await findUpload(query, wanted, { lock: true })
  if (!upload) throw uploadNotFound(wanted.taskId)
  if (upload.status !== 'InProgress' || upload.phase !== 'receiving') return upload
  const missingChunks = await listMissing(query, upload.taskId, upload.chunksCount)
  if (missingChunks.length > 0) throw incomplete(upload, missingChunks)
  await startFinishing(query, upload.taskId)
  await makeRunnable(query, [upload.taskId], traceparent)
  return { ...upload, phase: 'finishing' }
}

function incomplete(upload: UploadRow, missingChunks: number[]): AppError {
  const details = { taskId: upload.taskId, missingChunks, chunksCount: upload.chunksCount }
  return upload.damagedChunks === null
    ? new AppError('CHUNKS_MISSING', `${missingChunks.length} of ${upload.chunksCount} chunks are missing.`, {
        details,
      })
    : new AppError('CHUNKS_DAMAGED', 'Some chunks arrived damaged; send those listed again, then complete.', {
        details,
      })
}

/** The file of a completed upload; undefined while it is being finished. Throws what else became of it. */
async function readOutcome(sql: Sql, upload: UploadRow): Promise<FileView | undefined> {
  const { taskId, accountId, status } = upload
  if (status === 'Completed') return presentFile(await getFile(sql, { id: upload.fileId ?? taskId, accountId }))
  if (status === 'Failed') throw failure(upload)
  if (status === 'Paused') throw uploadPaused()
  if (status !== 'InProgress') {
    throw new AppError('UPLOAD_ENDED', `The upload cannot be completed: it is ${status}.`, {
      details: { taskId, status },
    })
  }
  if (upload.phase === 'receiving') throw incomplete(upload, await listMissing(sql, taskId, upload.chunksCount))
  return undefined
}

function failure(upload: UploadRow): AppError {
  const message = upload.errorMessage ?? 'The upload failed.'
  return new AppError(isErrorCode(upload.errorCode) ? upload.errorCode : 'UPLOAD_FAILED', message, {
    details: { taskId: upload.taskId, error: message },
  })
}

function isErrorCode(code: string | null): code is ErrorCode {
  return code !== null && code in errorStatus
}
