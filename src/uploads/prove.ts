import { randomUUID } from 'node:crypto'
import type { PoolPolicy } from '../contract/pool.ts'
import type { ProveUploadResponse } from '../contract/upload.ts'
import {
  type Challenge,
  findObjectOfAnyone,
  forgetChallenge,
  isBeingAnswered,
  takeChallenge,
} from '../db/challenges.ts'
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
import { waitForTask } from '../tasks/wait.ts'
import { isProven } from './challenge.ts'
import { clearSink } from './clear.ts'
import { completedEvent } from './completed-event.ts'
import { requireUpload, type Wanted } from './show.ts'

export type ProveDeps = {
  sql: Sql
  signals: Pick<Signals, 'send' | 'onTask'>
  pools: Pools
  dispatcher: Pick<Dispatcher, 'admit'>
  log: Log
}

/** The store is asked 64 times at most, eight at once, while another request waits for what comes of it. */
const otherAnswersWithinMs = 25_000

/**
 * Turns an upload whose client shows that it has the bytes into a file on those that another account has in the pool. A
 * challenge is answered once: after a proof that does not fit, or when nobody has such bytes (the answer is the same), the
 * chunks are to be sent. Repeating it answers the file, also while the first is still being looked at. Throws
 * TASK_NOT_FOUND, UPLOAD_ENDED, CHALLENGE_GONE, POOL_NOT_FOUND, POOL_DISABLED, and what the pool has against the bytes.
 */
export async function proveUpload(
  deps: ProveDeps,
  wanted: Wanted,
  user: PoolUser,
  proof: Buffer,
  gone: AbortSignal,
): Promise<ProveUploadResponse> {
  const { sql, signals } = deps
  const upload = await requireUpload(sql, wanted)
  const made = await findMade(sql, upload)
  if (made) return made
  requireReceiving(upload)
  const policy = await requirePool(sql, upload.poolId, user, { lock: false })
  const { taskId } = upload
  const challenge = await takeChallenge(sql, taskId)
  if (!challenge) return otherAnswer(deps, wanted, gone)
  try {
    return await answer(deps, { upload, user, policy }, { challenge, proof })
  } finally {
    await forgetChallenge(sql, taskId)
    signals.send({ kind: 'task', taskId })
  }
}

/** What a request answers that came first and is still at it. Throws CHALLENGE_GONE when there is none, or it made no file. */
async function otherAnswer(
  { sql, signals }: ProveDeps,
  wanted: Wanted,
  signal: AbortSignal,
): Promise<ProveUploadResponse> {
  const { taskId } = wanted
  const options = { signals, taskId, timeoutMs: otherAnswersWithinMs, signal }
  const made = await waitForTask(options, async () => {
    // In this order: the file is there before the challenge is forgotten.
    const isUnderWay = await isBeingAnswered(sql, taskId)
    const found = await findMade(sql, await requireUpload(sql, wanted))
    if (found === undefined && !isUnderWay) throw challengeGone(taskId)
    return found
  })
  if (made === undefined) throw challengeGone(taskId)
  return made
}

function challengeGone(taskId: string): AppError {
  return new AppError('CHALLENGE_GONE', 'The challenge was answered, or its time is over: send the chunks.', {
    details: { taskId },
  })
}

async function findMade(sql: Sql, { fileId, accountId }: UploadRow): Promise<ProveUploadResponse | undefined> {
  const file = fileId === null ? undefined : await findFile(sql, { id: fileId, accountId })
  return file && { fileExists: true, file: presentFile(file) }
}

type Asked = { upload: UploadRow; user: PoolUser; policy: PoolPolicy }

async function answer(
  deps: ProveDeps,
  { upload, user, policy }: Asked,
  shown: { challenge: Challenge; proof: Buffer },
): Promise<ProveUploadResponse> {
  if (policy.instantAcrossAccounts !== true) return { fileExists: false }
  const storage = await deps.pools.open(upload.poolId)
  const object = await findProven(deps.sql, storage, upload, shown)
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
