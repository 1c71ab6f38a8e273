import { randomUUID } from 'node:crypto'
import type { ProveUploadResponse } from '../contract/upload.ts'
import { type Challenge, findObjectOfAnyone, takeChallenge } from '../db/challenges.ts'
import { type Sql, transact } from '../db/connect.ts'
import { appendEvent } from '../db/events.ts'
import { findFile, insertFile } from '../db/files.ts'
import type { Signals } from '../db/signals.ts'
import { completeUnclaimed } from '../db/tasks.ts'
import { closeUpload, findUpload, type UploadRow } from '../db/uploads.ts'
import { changeUsage } from '../db/usage.ts'
import { AppError } from '../errors.ts'
import { presentFile } from '../files/get.ts'
import { readHead } from '../files/head.ts'
import { asksForBytes, type PoolUser, requireBytes, requirePool } from '../files/pool-policy.ts'
import type { Pools } from '../files/pools.ts'
import type { Log } from '../log.ts'
import type { Storage } from '../storage/contract.ts'
import type { Dispatcher } from '../tasks/dispatch.ts'
import { releaseWaiting } from '../tasks/end.ts'
import { isProven } from './challenge.ts'
import { clearSink } from './clear.ts'
import { completedEvent } from './completed-event.ts'
import { requireUpload, type Wanted } from './show.ts'

export type ProveDeps = {
  sql: Sql
  signals: Pick<Signals, 'send'>
  pools: Pools
  dispatcher: Pick<Dispatcher, 'admit'>
  log: Log
}

/**
 * Turns an upload whose client shows that it has the bytes into a file on those that another account has in the pool. A
 * challenge is answered once: after a proof that does not fit, or when nobody has such bytes (the answer is the same), the
 * chunks are to be sent. Repeating it once the file is there answers the file. Throws TASK_NOT_FOUND, UPLOAD_ENDED,
 * CHALLENGE_GONE, POOL_NOT_FOUND, POOL_DISABLED, and what the pool has against the bytes.
 */
export async function proveUpload(
  deps: ProveDeps,
  wanted: Wanted,
  user: PoolUser,
  proof: Buffer,
): Promise<ProveUploadResponse> {
  const { sql, pools } = deps
  const upload = await requireUpload(sql, wanted)
  const made =
    upload.fileId === null ? undefined : await findFile(sql, { id: upload.fileId, accountId: user.accountId })
  if (made) return { fileExists: true, file: presentFile(made) }
  requireReceiving(upload)
  const policy = await requirePool(sql, upload.poolId, user, { lock: false })
  const challenge = await takeChallenge(sql, upload.taskId)
  if (!challenge) {
    throw new AppError('CHALLENGE_GONE', 'The challenge was answered, or its time is over: send the chunks.', {
      details: { taskId: upload.taskId },
    })
  }
  if (policy.instantAcrossAccounts !== true) return { fileExists: false }
  const storage = await pools.open(upload.poolId)
  const object = await findProven(sql, storage, upload, { challenge, proof })
  if (!object) return { fileExists: false }
  if (asksForBytes(policy)) {
    const head = await readHead(storage, { ...object, sizeBytes: upload.fileSizeBytes })
    if (!head) return { fileExists: false }
    await requireBytes(policy, { contentType: upload.contentType, isEncrypted: false }, head)
  }
  return finish(deps, upload, user, object.objectId)
}

function requireReceiving({ taskId, status, phase }: UploadRow): void {
  if (status === 'InProgress' && phase === 'receiving') return
  throw new AppError('UPLOAD_ENDED', 'The upload does not wait for its bytes any more.', {
    details: { taskId, status },
  })
}

async function findProven(
  sql: Sql,
  storage: Storage,
  { poolId, declaredSha256: sha256, fileSizeBytes: sizeBytes }: UploadRow,
  { challenge, proof }: { challenge: Challenge; proof: Buffer },
): Promise<{ objectId: string; objectKey: string } | undefined> {
  const object = await findObjectOfAnyone(sql, { poolId, sha256, sizeBytes })
  return object && (await isProven(storage, object.objectKey, challenge, proof)) ? object : undefined
}

/** Ends the upload with a file on the object, and takes its staging away, whatever chunks it had. */
async function finish(
  deps: ProveDeps,
  { taskId }: UploadRow,
  user: PoolUser,
  objectId: string,
): Promise<ProveUploadResponse> {
  const { sql, signals, dispatcher } = deps
  const fileId = randomUUID()
  const done = await transact(sql, async (query) => {
    const upload = await findUpload(query, { taskId, accountId: user.accountId }, { lock: true })
    const ended = upload && (await completeUnclaimed(query, { taskId, results: { fileId } }))
    if (!ended) throw new AppError('UPLOAD_ENDED', 'The upload has ended meanwhile.', { details: { taskId } })
    await requirePool(query, upload.poolId, user, { lock: true })
    const { accountId, poolId, bundleId, fileName: name, contentType, fileExpiredAt: expiredAt } = upload
    const file = await insertFile(query, { id: fileId, accountId, objectId, bundleId, name, contentType, expiredAt })
    await appendEvent(query, { taskId, ...completedEvent(upload, fileId, ended.endedAt) })
    const hasFreed = ended.isAwaited && (await releaseWaiting(query, [taskId]))
    await changeUsage(query, [{ accountId, poolId, usedBytes: file.sizeBytes, filesCount: 1 }])
    await closeUpload(query, taskId, fileId)
    return { upload, file, hasFreed }
  })
  signals.send({ kind: 'events' })
  signals.send({ kind: 'task', taskId })
  if (done.hasFreed) dispatcher.admit()
  await clearSink(deps, { ...done.upload, keepKey: null })
  return { fileExists: true, file: presentFile(done.file) }
}
