import { randomUUID } from 'node:crypto'
import type { Readable } from 'node:stream'
import type { TaskStatus } from '../contract/task.ts'
import { type ChunkLease, commitChunk, leaseChunk, type LeaseAttempt, releaseChunk, renewChunk } from '../db/chunks.ts'
import type { Sql } from '../db/connect.ts'
import { findUpload } from '../db/uploads.ts'
import { AppError } from '../errors.ts'
import type { Pools } from '../files/pools.ts'
import type { Meters } from '../metrics/meters.ts'
import type { Log } from '../log.ts'
import type { ChunkSlot, Storage } from '../storage/contract.ts'
import type { Checksum } from './checksum.ts'
import { chunkTooLarge, createChunkMeter } from './chunk-meter.ts'
import type { DeclaredDigest } from './digest.ts'
import { type FirstBytes, watchFirstBytes } from './first-bytes.ts'
import { type PlanCache, slotOf, uploadNotFound } from './plan-cache.ts'
import type { ProgressTracker } from './progress.ts'

export type ReceiveDeps = {
  sql: Sql
  pools: Pools
  plans: PlanCache
  progress: ProgressTracker
  createChecksum: () => Checksum
  /** Of a body: the pace that it must keep from `paceAfterMs` on, and for how long no byte of it need come. */
  limits: { minBytesPerSecond: number; paceAfterMs: number; stalledAfterMs: number }
  meters: Pick<Meters, 'chunk'>
  log: Log
}

export type ChunkRequest = {
  accountId: string
  taskId: string
  index: number
  /** The body's length in bytes where it was declared. */
  contentLengthBytes?: number
  digests: readonly DeclaredDigest[]
}

/** A chunk whose lease this request holds. Exactly one of `commit` and `abort` must follow. */
export type ChunkReceipt = {
  /** Streams the body into the pool. What it fails with is for the sender; then `abort`. */
  write: (body: Readable) => Promise<void>
  /** Makes the chunk count. Throws when it is not whole or the lease was lost. */
  commit: () => Promise<void>
  /** Gives the chunk free, so that it can be sent again at once. Never throws. */
  abort: () => Promise<void>
}

const renewEveryMs = 2000

/**
 * Takes the lease on a chunk for this request. Throws TASK_NOT_FOUND, CHUNK_INDEX_INVALID, CHUNK_SIZE_MISMATCH,
 * CHUNK_TOO_LARGE, CHUNK_ALREADY_UPLOADED, CHUNK_BUSY, UPLOAD_ENDED; the commit of the first one also
 * TYPE_NOT_ACCEPTED.
 */
export async function beginChunk(deps: ReceiveDeps, request: ChunkRequest): Promise<ChunkReceipt> {
  const { taskId, accountId, index } = request
  const plan = await deps.plans.find({ taskId, accountId })
  const slot = slotOf(plan, index)
  checkLength(slot, request.contentLengthBytes)
  const lease: ChunkLease = { taskId, index, token: randomUUID() }
  const attempt = await leaseChunk(deps.sql, { ...lease, accountId })
  if (!attempt) throw uploadNotFound(taskId)
  if (!attempt.granted) throw refusal(attempt, index)
  const storage = await deps.pools.open(plan.poolId)
  const { digests } = request
  const firstBytes = watchFirstBytes(deps.pools, plan, slot)
  return receipt({ deps, accountId, lease, slot, storage, sinkKey: attempt.sinkKey, digests, firstBytes })
}

function checkLength(slot: ChunkSlot, lengthBytes: number | undefined): void {
  if (lengthBytes === undefined || lengthBytes === slot.sizeBytes) return
  if (lengthBytes > slot.sizeBytes) throw chunkTooLarge(slot.index, slot.sizeBytes)
  throw new AppError('CHUNK_SIZE_MISMATCH', `Chunk ${slot.index} must have exactly ${slot.sizeBytes} bytes.`, {
    details: { index: slot.index, expectedSize: slot.sizeBytes, receivedSize: lengthBytes },
  })
}

function refusal(attempt: LeaseAttempt, index: number): AppError {
  if (attempt.received || attempt.status === 'Completed') return alreadyThere(index)
  if (attempt.status === 'Failed' || attempt.status === 'Cancelled' || attempt.status === 'Expired') {
    return uploadEnded(attempt.status)
  }
  if (attempt.status === 'Paused') return uploadPaused()
  // All chunks are there when an upload is being finished.
  if (attempt.phase !== 'receiving') return alreadyThere(index)
  return new AppError('CHUNK_BUSY', `Another request is sending chunk ${index}.`, {
    details: { index },
    retryAfterSeconds: Math.max(1, Math.ceil((attempt.heldForMs ?? 1000) / 1000)),
  })
}

function alreadyThere(index: number): AppError {
  return new AppError('CHUNK_ALREADY_UPLOADED', `Chunk ${index} is already there.`, { details: { index } })
}

type Held = {
  deps: ReceiveDeps
  accountId: string
  lease: ChunkLease
  slot: ChunkSlot
  storage: Storage
  sinkKey: string
  digests: readonly DeclaredDigest[]
  firstBytes: FirstBytes | undefined
}

function receipt(held: Held): ChunkReceipt {
  const { deps, lease, slot, storage, sinkKey, digests, firstBytes } = held
  const { sql, log, progress } = deps
  const beganAtMs = performance.now()
  const meter = createChunkMeter(slot, deps.createChecksum(), digests)
  const stop = new AbortController()
  const onPiece = (piece: Buffer): void => {
    meter.take(piece)
    firstBytes?.take(piece)
  }
  let source: Readable | undefined
  const keeper = keepAlive(held, stop, {
    receivedBytes: () => meter.receivedBytes,
    waitsForPool: () => source !== undefined && (source.isPaused() || source.readableEnded),
  })
  return {
    write: async (body) => {
      source = body
      await storage.writeChunk(sinkKey, slot, body, { onPiece, signal: stop.signal })
      source = undefined
    },
    commit: async () => {
      const sum = meter.finish()
      await firstBytes?.judge()
      keeper.end()
      if (!(await commitChunk(sql, lease, sum))) throw await whyLost(sql, held)
      progress.received(lease.taskId)
      deps.meters.chunk({ sizeBytes: slot.sizeBytes, seconds: (performance.now() - beganAtMs) / 1000 })
    },
    abort: async () => {
      keeper.end()
      await releaseChunk(sql, lease).catch((error: unknown) => {
        log.warn({ err: error, taskId: lease.taskId, index: lease.index }, 'a chunk lease could not be given back')
      })
    },
  }
}

/**
 * Renews the lease while bytes arrive or the pool takes its time, which it limits itself, and stops a body of which its
 * sender sends none for too long or that only trickles.
 */
function keepAlive(
  held: Held,
  stop: AbortController,
  { receivedBytes, waitsForPool }: { receivedBytes: () => number; waitsForPool: () => boolean },
): { end: () => void } {
  const { lease } = held
  const { sql, log, limits } = held.deps
  const startedAt = Date.now()
  let seenBytes = 0
  let seenAt = startedAt
  const timer = setInterval(() => {
    const bytes = receivedBytes()
    const waitsForSender = !waitsForPool()
    if (bytes === seenBytes && waitsForSender) {
      if (Date.now() - seenAt < limits.stalledAfterMs) return
      const message = `No byte of chunk ${lease.index} arrived for ${limits.stalledAfterMs / 1000} s; send it again.`
      stop.abort(new AppError('CHUNK_STALLED', message, { details: { index: lease.index } }))
      return
    }
    seenBytes = bytes
    seenAt = Date.now()
    if (waitsForSender && trickles(bytes, seenAt - startedAt, limits)) {
      const message = `Chunk ${lease.index} arrived too slowly; it needs ${limits.minBytesPerSecond} bytes a second.`
      stop.abort(new AppError('CHUNK_STALLED', message, { details: { index: lease.index } }))
      return
    }
    renewChunk(sql, lease)
      .then(async (renewed) => {
        if (!renewed) stop.abort(await whyLost(sql, held))
      })
      // The ledger is away: whether the lease still stands is seen at the commit.
      .catch((error: unknown) => log.debug({ err: error }, 'a chunk lease could not be renewed'))
  }, renewEveryMs)
  return { end: () => clearInterval(timer) }
}

function trickles(
  bytes: number,
  elapsedMs: number,
  { paceAfterMs, minBytesPerSecond }: ReceiveDeps['limits'],
): boolean {
  return elapsedMs >= paceAfterMs && bytes < (elapsedMs / 1000) * minBytesPerSecond
}

function lostLease(index: number): AppError {
  return new AppError('CHUNK_BUSY', `Another request has taken chunk ${index} over.`, {
    details: { index },
    retryAfterSeconds: 1,
  })
}

async function whyLost(sql: Sql, { lease, accountId }: Held): Promise<AppError> {
  const upload = await findUpload(sql, { taskId: lease.taskId, accountId })
  if (!upload) return uploadNotFound(lease.taskId)
  if (upload.status === 'Completed' || upload.phase === 'finishing') return alreadyThere(lease.index)
  if (upload.status === 'Paused') return uploadPaused()
  return upload.status === 'InProgress' ? lostLease(lease.index) : uploadEnded(upload.status)
}

/** Refuses what a paused upload does not take until it is resumed. */
export function uploadPaused(): AppError {
  return new AppError('UPLOAD_PAUSED', 'The upload is paused; resume it first.', { retryAfterSeconds: 5 })
}

/** Refuses what an upload does not take once it has ended without a file. */
export function uploadEnded(status: TaskStatus): AppError {
  return new AppError('UPLOAD_ENDED', `The upload takes no more chunks: it is ${status}.`, { details: { status } })
}
