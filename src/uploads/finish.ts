import { createHash, randomUUID } from 'node:crypto'
import type { Workforce } from '../age/threads.ts'
import type { Sealer } from '../auth/seal.ts'
import { listChecksums } from '../db/chunks.ts'
import type { Query, Sql } from '../db/connect.ts'
import { insertFile, insertObject } from '../db/files.ts'
import { findPool } from '../db/pools.ts'
import { closeUpload, findUpload, reopenChunks, type UploadRow } from '../db/uploads.ts'
import { changeUsage } from '../db/usage.ts'
import { unknownType } from '../files/content-type.ts'
import { encryptionParts, type EncryptionStart, encryptionStart } from '../files/encrypt.ts'
import { HeadKeeper } from '../files/head.ts'
import { makeOutput } from '../files/make-each.ts'
import { TaskOutputs } from '../files/outputs.ts'
import { policyOf, poolNotFound, requireBytes } from '../files/pool-policy.ts'
import type { Pools } from '../files/pools.ts'
import type { SealedSink } from '../storage/contract.ts'
import { type JobContext, type JobOutcome, Permanent, StopReason } from '../tasks/define-job.ts'
import { loadChecksumLike } from './checksum.ts'
import { clearSink } from './clear.ts'
import { completedEvent } from './completed-event.ts'

export type FinishedUpload = { fileId: string }
export type FinishDeps = { pools: Pools; crypt: Workforce; sealer: Sealer | undefined }

/**
 * Turns an upload whose chunks are all there into a file: reads every byte back, checks the SHA-256 against the declared
 * one, makes the bytes durable, and commits object and file with the task's end. Damaged chunks, found by their own
 * checksums, are opened again and the task is parked; when every chunk is sound the declared hash was wrong and the
 * task fails for good. With a password the file is an age file of the bytes. May be repeated by a later claim at any point.
 */
export async function finishUpload(
  deps: FinishDeps,
  context: JobContext,
  password: string | undefined,
): Promise<JobOutcome<FinishedUpload>> {
  const { pools } = deps
  const { sql, taskId, accountId, epoch, signal, log } = context
  const upload = await findUpload(sql, { taskId, accountId })
  if (!upload) throw new StopReason('lost')
  const storage = await pools.open(upload.poolId)
  try {
    const sealed = await storage.sealSink(upload.sinkKey, { id: taskId, epoch }, { fresh: upload.tainted, signal })
    if (sealed.missing.length > 0) return await reopen(upload, sealed, sealed.missing)
    const { sha256, head } = await readBack(sealed, upload.fileSizeBytes, signal)
    if (!sha256.equals(upload.declaredSha256)) return await mend(sql, upload, sealed, signal)
    await requireAccepted(sql, upload, { isEncrypted: password !== undefined, head })
    if (password !== undefined) return await encryptUpload(deps, { upload, sealed, password }, context)
    const { key } = await sealed.publish()
    const file = { id: randomUUID(), objectId: randomUUID(), key, sha256 }
    return {
      kind: 'completed',
      results: { fileId: file.id },
      commit: (query) => commitFile(query, upload, file),
      after: async () => void (await clearSink({ sql, pools, log }, { ...upload, epoch, keepKey: key })),
      event: (endedAt) => completedEvent(upload, file.id, endedAt),
    }
  } catch (error) {
    // Whoever ended the upload cleared its sink, but perhaps before this run wrote its last.
    if (signal.reason instanceof StopReason && (signal.reason.why === 'cancelled' || signal.reason.why === 'expired')) {
      await clearSink({ sql, pools, log }, { ...upload, epoch, keepKey: null })
    }
    throw error
  }
}

/** Makes an age file of the bytes that were uploaded, which is all that stays of them. */
async function encryptUpload(
  { pools, ...tools }: FinishDeps,
  { upload, sealed, password }: { upload: UploadRow; sealed: SealedSink; password: string },
  context: JobContext,
): Promise<JobOutcome<FinishedUpload>> {
  const { sql, epoch, signal, log } = context
  const outputs = await TaskOutputs.open({ sql, pools }, context, { isWelcome: true })
  const slot = upload.taskId
  if (!outputs.finished(slot)) {
    const read = (startBytes: number) =>
      sealed.read({ startBytes, lengthBytes: upload.fileSizeBytes - startBytes }, signal)
    const encryption = { keys: { password }, plaintextBytes: upload.fileSizeBytes, read }
    const making = {
      note: encryptionStart(tools, context),
      parts: (from: EncryptionStart | undefined) => encryptionParts(tools, encryption, from, context),
    }
    await makeOutput(outputs, { slot, poolId: upload.poolId, contentType: unknownType }, making, context)
  }
  const fileId = randomUUID()
  const file = {
    slot,
    fileId,
    name: `${upload.fileName}.age`,
    contentType: unknownType,
    bundleId: upload.bundleId,
    expiredAt: upload.fileExpiredAt,
  }
  return {
    kind: 'completed',
    results: { fileId },
    commit: async (query) => {
      await outputs.commit(query, [file], { isReserved: true })
      await closeUpload(query, upload.taskId, fileId)
    },
    after: async () => void (await clearSink({ sql, pools, log }, { ...upload, epoch, keepKey: null })),
    event: (endedAt) => completedEvent(upload, fileId, endedAt),
  }
}

async function readBack(
  sealed: SealedSink,
  sizeBytes: number,
  signal: AbortSignal,
): Promise<{ sha256: Buffer; head: Buffer }> {
  const sha256 = createHash('sha256')
  const keeper = new HeadKeeper()
  for await (const piece of sealed.read({ startBytes: 0, lengthBytes: sizeBytes }, signal)) {
    sha256.update(piece)
    keeper.take(piece)
  }
  return { sha256: sha256.digest(), head: keeper.head() }
}

/** Whoever may use the pool, and how much, was asked as the upload was begun; only now are its bytes known. */
async function requireAccepted(
  sql: Sql,
  { poolId, contentType }: UploadRow,
  { isEncrypted, head }: { isEncrypted: boolean; head: Buffer },
): Promise<void> {
  const pool = await findPool(sql, poolId)
  if (!pool) throw poolNotFound(poolId)
  await requireBytes(policyOf(pool), { contentType, isEncrypted }, head)
}

async function mend(
  sql: Sql,
  upload: UploadRow,
  sealed: SealedSink,
  signal: AbortSignal,
): Promise<JobOutcome<FinishedUpload>> {
  const damagedChunks = await findDamage(upload, await listChecksums(sql, upload.taskId), sealed, signal)
  if (damagedChunks.length === 0) {
    throw new Permanent(
      'HASH_MISMATCH',
      'Every chunk arrived as it was sent, but together they do not have the declared SHA-256: the declared hash was wrong.',
    )
  }
  return reopen(upload, sealed, damagedChunks)
}

/** Has the chunks sent again, and waits for them. */
async function reopen(
  upload: UploadRow,
  sealed: SealedSink,
  chunks: readonly number[],
): Promise<JobOutcome<FinishedUpload>> {
  const damagedChunks = [...chunks]
  const sinkKey = await sealed.reopen(damagedChunks)
  return { kind: 'parked', commit: (query) => reopenChunks(query, { taskId: upload.taskId, sinkKey, damagedChunks }) }
}

async function findDamage(
  upload: UploadRow,
  checksums: ReadonlyMap<number, Buffer>,
  sealed: SealedSink,
  signal: AbortSignal,
): Promise<number[]> {
  const createChecksum = await loadChecksumLike()
  const damaged: number[] = []
  for (let index = 0; index < upload.chunksCount; index++) {
    const startBytes = index * upload.chunkSizeBytes
    const lengthBytes = Math.min(upload.chunkSizeBytes, upload.fileSizeBytes - startBytes)
    const checksum = checksums.get(index)
    if (checksum === undefined) {
      damaged.push(index)
      continue
    }
    const sum = createChecksum(checksum)
    for await (const piece of sealed.read({ startBytes, lengthBytes }, signal)) sum.update(piece)
    if (!checksum.equals(sum.digest())) damaged.push(index)
  }
  return damaged
}

type NewFile = { id: string; objectId: string; key: string; sha256: Buffer }

async function commitFile(query: Query, upload: UploadRow, file: NewFile): Promise<void> {
  await insertObject(query, {
    id: file.objectId,
    poolId: upload.poolId,
    key: file.key,
    sizeBytes: upload.fileSizeBytes,
    sha256: file.sha256,
  })
  await insertFile(query, {
    id: file.id,
    accountId: upload.accountId,
    objectId: file.objectId,
    bundleId: upload.bundleId,
    name: upload.fileName,
    contentType: upload.contentType,
    expiredAt: upload.fileExpiredAt,
  })
  const { accountId, poolId } = upload
  await changeUsage(query, [{ accountId, poolId, usedBytes: upload.fileSizeBytes, filesCount: 1 }])
  await closeUpload(query, upload.taskId, file.id)
}
