import {
  type DirectPage,
  type DirectPart,
  type PartRefusal,
  type ReportedParts,
  type ReportPartsRequest,
  type SignPartsRequest,
} from '../contract/direct.ts'
import { listMissing, takeChunks } from '../db/chunks.ts'
import type { Sql } from '../db/connect.ts'
import { findPool } from '../db/pools.ts'
import type { UploadRow } from '../db/uploads.ts'
import { AppError } from '../errors.ts'
import { policyOf } from '../files/pool-policy.ts'
import type { Pools } from '../files/pools.ts'
import type { ChunkSlot, DirectUploads, StoredChunk } from '../storage/contract.ts'
import { slotOf } from './plan-cache.ts'
import type { ProgressTracker } from './progress.ts'
import { uploadEnded, uploadPaused } from './receive.ts'
import { requireUpload, type Wanted } from './show.ts'

export type DirectDeps = { sql: Sql; pools: Pools; progress: Pick<ProgressTracker, 'received'> }

const pageLength = 100

/**
 * URLs by which chunks are PUT straight to the pool: for those that are named, good for the bytes with their MD5 alone, since
 * the pool itself compares them; else for a page of those that are not there yet. Asking again renews them. Throws
 * TASK_NOT_FOUND, DIRECT_UNAVAILABLE, CHUNK_INDEX_INVALID, UPLOAD_PAUSED, UPLOAD_ENDED.
 */
export async function signDirectParts(
  deps: Omit<DirectDeps, 'progress'>,
  wanted: Wanted,
  { parts, from = 0, limit = pageLength }: SignPartsRequest,
): Promise<DirectPage> {
  const { upload, direct } = await openDirect(deps, wanted)
  if (parts === undefined) return pageOf(deps.sql, upload, direct, { from, limit })
  return { parts: await Promise.all(parts.map((part) => signPart(direct, upload, part))), next: null }
}

/**
 * The first page for whoever creates an upload, or repeats that: empty when it does not receive any more, and undefined when
 * its pool takes chunks through the API only.
 */
export async function firstDirectPage(
  { sql, pools }: Omit<DirectDeps, 'progress'>,
  wanted: Wanted,
): Promise<DirectPage | undefined> {
  const upload = await requireUpload(sql, wanted)
  const direct = await findDirect({ sql, pools }, upload.poolId)
  return direct && pageOf(sql, upload, direct, { from: 0, limit: pageLength })
}

async function pageOf(
  sql: Sql,
  upload: UploadRow,
  direct: DirectUploads,
  { from, limit }: { from: number; limit: number },
): Promise<DirectPage> {
  if (upload.status !== 'InProgress' || upload.phase !== 'receiving') return { parts: [], next: null }
  const missing = await listMissing(sql, upload.taskId, upload.chunksCount)
  const ahead = missing.filter((index) => index >= from)
  const parts = await Promise.all(ahead.slice(0, limit).map((index) => signPart(direct, upload, { index })))
  return { parts, next: ahead[limit] ?? null }
}

/**
 * Makes chunks count that a client has sent to the pool itself: those that the pool has, with the length, the ETag and the
 * MD5 that are reported. May be repeated. Throws PARTS_REFUSED, saying which do not count and why, when the others do; and
 * as `signDirectParts`.
 */
export async function reportParts(
  deps: DirectDeps,
  wanted: Wanted,
  { parts }: ReportPartsRequest,
): Promise<ReportedParts> {
  const { upload, direct } = await openDirect(deps, wanted)
  const { taskId } = upload
  const slots = parts.map(({ index }) => slotOf(upload, index))
  if (upload.phase !== 'receiving') return { taskId, received: slots.map(({ index }) => index) }
  const stored = await direct.findChunks(upload.sinkKey, slots)
  const refused: PartRefusal[] = parts.flatMap((part) => refusal(part, slotOf(upload, part.index), stored) ?? [])
  const isRefused = new Set(refused.map(({ index }) => index))
  const sound = parts.filter(({ index }) => !isRefused.has(index))
  const received = await takeChunks(deps.sql, { ...wanted, sinkKey: upload.sinkKey, chunks: sound })
  if (received.length > 0) deps.progress.received(taskId)
  for (const { index } of sound) if (!received.includes(index)) refused.push({ index, reason: 'busy' })
  if (refused.length === 0) return { taskId, received }
  // Nothing counts any more once an upload was paused or ended meanwhile, and that is what has to be said.
  refuseUnlessOpen(await requireUpload(deps.sql, wanted))
  throw new AppError('PARTS_REFUSED', `${refused.length} of ${parts.length} parts do not count.`, {
    details: { taskId, received, refused: refused.sort((a, b) => a.index - b.index) },
  })
}

async function openDirect(
  { sql, pools }: Pick<DirectDeps, 'sql' | 'pools'>,
  wanted: Wanted,
): Promise<{ upload: UploadRow; direct: DirectUploads }> {
  const upload = await requireUpload(sql, wanted)
  refuseUnlessOpen(upload)
  const direct = await findDirect({ sql, pools }, upload.poolId)
  if (direct) return { upload, direct }
  throw new AppError('DIRECT_UNAVAILABLE', 'The pool of this upload takes chunks through the API only.', {
    details: { taskId: upload.taskId, poolId: upload.poolId },
  })
}

/** Its kind must be able to, its settings must let clients in, and its policy must not keep them out. */
async function findDirect(
  { sql, pools }: Pick<DirectDeps, 'sql' | 'pools'>,
  poolId: string,
): Promise<DirectUploads | undefined> {
  const direct = (await pools.open(poolId)).direct?.uploads
  if (!direct) return undefined
  const pool = await findPool(sql, poolId)
  return pool && policyOf(pool).directUpload !== false ? direct : undefined
}

function refuseUnlessOpen({ status }: UploadRow): void {
  if (status === 'Paused') throw uploadPaused()
  if (status !== 'InProgress' && status !== 'Completed') throw uploadEnded(status)
}

async function signPart(
  direct: DirectUploads,
  upload: UploadRow,
  { index, md5 }: { index: number; md5?: Buffer },
): Promise<DirectPart> {
  const slot = slotOf(upload, index)
  const { url, headers, expiresAt } = await direct.signChunk(upload.sinkKey, slot, md5)
  // A browser sets the length itself, and lets nobody else do it.
  const { 'content-length': _, ...settable } = headers
  return { index, size: slot.sizeBytes, url, headers: settable, expiresAt: expiresAt.toISOString() }
}

type Reported = { index: number; etag: string; md5: Buffer }

function refusal(
  { index, etag, md5 }: Reported,
  { sizeBytes }: ChunkSlot,
  stored: ReadonlyMap<number, StoredChunk>,
): PartRefusal | undefined {
  const found = stored.get(index)
  if (found === undefined) return { index, reason: 'absent' }
  if (found.sizeBytes !== sizeBytes) {
    return { index, reason: 'size', expectedSize: sizeBytes, receivedSize: found.sizeBytes }
  }
  if (found.etag !== etag.replace(/^W\//, '').replaceAll('"', '')) return { index, reason: 'etag' }
  if (found.md5 && !found.md5.equals(md5)) return { index, reason: 'md5' }
  return undefined
}
