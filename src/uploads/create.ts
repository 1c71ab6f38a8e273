import type { Sealer } from '../auth/seal.ts'
import type { UploadGrant } from '../auth/verify.ts'
import { type CreateUploadRequest, type CreateUploadResponse, maxChunks } from '../contract/upload.ts'
import { type Query, type Sql, transact } from '../db/connect.ts'
import { ownsBundle } from '../db/pools.ts'
import type { Signals } from '../db/signals.ts'
import { insertTasks } from '../db/new-tasks.ts'
import { insertUpload } from '../db/uploads.ts'
import { AppError } from '../errors.ts'
import type { Pools } from '../files/pools.ts'
import { takeFromQuota } from '../files/quota.ts'
import type { Storage } from '../storage/contract.ts'
import { type KeyedRequest, keepForRepetition } from '../tasks/idempotency.ts'
import { keepSecrets } from '../tasks/secrets.ts'
import { newTaskId } from '../tasks/ids.ts'
import { issueChallenge } from './challenge.ts'
import { firstDirectPage } from './direct.ts'
import { addExisting, type Creation } from './existing.ts'
import { requireOpenUploads } from './open-limit.ts'
import { type CreatedUpload, earlierCreation } from './repeat.ts'
import { takeFromToken } from './tokens.ts'
import { uploadPriority, uploadType } from './upload-type.ts'
import { type Creator, requireWelcome } from './welcome.ts'

export type UploadLimits = {
  defaultChunkSizeBytes: number
  maxChunkSizeBytes: number
  maxFileSizeBytes: number
  openPerAccount: number
  tokensPerAccount: number
}

export type CreateDeps = {
  sql: Sql
  signals: Pick<Signals, 'send'>
  pools: Pools
  sealer: Sealer | undefined
  limits: UploadLimits
}

/**
 * Begins an upload, or answers a new file at once when the account already holds these bytes in the pool. With an
 * Idempotency-Key a repetition answers what the first one made, and of several at once one makes something.
 * Throws QUOTA_EXCEEDED, POOL_NOT_FOUND, POOL_DISABLED, what the pool's policy has against it, BUNDLE_NOT_FOUND, FILE_TOO_LARGE,
 * VALIDATION_FAILED, SECRETS_UNAVAILABLE, STORAGE_FULL, UPLOAD_LIMIT, IDEMPOTENCY_KEY_REUSED, CREATED_GONE; for upload tokens
 * FORBIDDEN, TOKEN_SPENT, TOKEN_INVALID.
 */
export async function createUpload(
  deps: CreateDeps,
  creator: Creator,
  request: CreateUploadRequest,
  keyed: KeyedRequest | undefined,
): Promise<CreateUploadResponse> {
  const granted = asGranted(creator.grant, request)
  const earlier = keyed && (await earlierCreation(deps.sql, keyed))
  const created = earlier ?? (await create(deps, creator, granted, keyed))
  if (created !== 'repetition') return request.direct ? withDirect(deps, creator.accountId, created) : created
  // Another request with the key was first. What it made may be forgotten already, and then this one is a first one.
  return createUpload(deps, creator, request, keyed)
}

/** What a token allows of a request: its bundle, which need not be named. */
function asGranted(grant: UploadGrant | undefined, request: CreateUploadRequest): CreateUploadRequest {
  if (!grant) return request
  const { taskId, bundleId } = grant
  if (bundleId !== null && (request.bundleId ?? bundleId) === bundleId) return { ...request, bundleId }
  const message = taskId === null ? 'The token is for another bundle.' : 'The token is for one upload alone.'
  throw new AppError('FORBIDDEN', message, { details: { taskId, bundleId } })
}

async function create(
  { sql, signals, pools, sealer, limits }: CreateDeps,
  creator: Creator,
  request: CreateUploadRequest,
  keyed: KeyedRequest | undefined,
): Promise<CreateUploadResponse | 'repetition'> {
  refuseWhatCannotBe(request, limits)
  const { accountId } = creator
  const poolId = request.poolId ?? pools.defaultId
  const policy = await requireWelcome(sql, poolId, { creator, request }, { lock: false })
  const storage = await pools.open(poolId)
  if (request.bundleId !== undefined && !(await ownsBundle(sql, { id: request.bundleId, accountId }))) {
    throw new AppError('BUNDLE_NOT_FOUND', 'There is no such bundle.', { details: { bundleId: request.bundleId } })
  }
  // What is to be encrypted shares its bytes with nothing. And who may upload for an account need not know what it has.
  const isShared = request.encryptPassword === undefined && creator.grant === undefined
  const existing = isShared
    ? await addExisting(sql, pools.quota, storage, { creator, poolId, policy, request, keyed })
    : undefined
  if (existing) return existing

  const begun = await begin({ sql, pools, sealer, limits }, { creator, poolId, policy, request, keyed }, storage)
  if (begun !== 'repetition') signals.send({ kind: 'events' })
  return begun
}

/** Makes the sink, then the upload's rows. What comes to nothing leaves no sink. */
async function begin(
  { sql, pools, sealer, limits }: Omit<CreateDeps, 'signals'>,
  { creator, poolId, policy, request, keyed }: Creation,
  storage: Storage,
): Promise<CreateUploadResponse | 'repetition'> {
  const { accountId, quotaBytes } = creator
  const { fileSize: sizeBytes, encryptPassword } = request
  await requireOpenUploads(sql, accountId, { limit: limits.openPerAccount, more: 1 })
  const taskId = newTaskId()
  const chunkSizeBytes = planChunkSize(request, limits, storage.leastChunkBytes)
  const chunksCount = Math.ceil(sizeBytes / chunkSizeBytes)
  const sinkKey = await storage.createSink({ taskId, sizeBytes, chunkSizeBytes })
  const removeSink = () => storage.removeSink(sinkKey, { id: taskId, epoch: 0 }, undefined).catch(() => {})
  const isShared = policy.instantAcrossAccounts === true && encryptPassword === undefined
  try {
    const plan = { taskId, accountId, poolId, sinkKey, chunkSizeBytes, chunksCount }
    const written = await transact(sql, async (query) => {
      if (keyed && !(await keepForRepetition(query, keyed, { taskId } satisfies CreatedUpload))) return undefined
      await requireWelcome(query, poolId, { creator, request }, { lock: true })
      await record(query, plan, request)
      if (encryptPassword !== undefined) await keepSecrets(query, sealer, taskId, { encryptPassword })
      const challenge = isShared ? await issueChallenge(query, { taskId, sizeBytes }) : undefined
      if (creator.grant) await takeFromToken(query, creator.grant.tokenId, sizeBytes)
      const reservation = { accountId, poolId, reservedBytes: sizeBytes, uploadsCount: 1 }
      await takeFromQuota(query, pools.quota, [reservation], quotaBytes)
      // Counted while the account's usage is held, with this one.
      await requireOpenUploads(query, accountId, { limit: limits.openPerAccount, more: 0 })
      return challenge ? { challenge } : {}
    })
    if (written) return { fileExists: false, taskId, chunkSize: chunkSizeBytes, chunksCount, ...written }
    await removeSink()
    return 'repetition'
  } catch (error) {
    await removeSink()
    throw error
  }
}

async function withDirect(
  deps: CreateDeps,
  accountId: string,
  created: CreateUploadResponse,
): Promise<CreateUploadResponse> {
  if (created.fileExists) return created
  const wanted = { taskId: created.taskId, accountId }
  return { ...created, direct: (await firstDirectPage(deps, wanted)) ?? null }
}

function refuseWhatCannotBe(request: CreateUploadRequest, limits: UploadLimits): void {
  if (request.fileSize > limits.maxFileSizeBytes) {
    throw new AppError('FILE_TOO_LARGE', `The file is larger than ${limits.maxFileSizeBytes} bytes.`, {
      details: { field: 'fileSize', fileSize: request.fileSize, maxFileSize: limits.maxFileSizeBytes },
    })
  }
  if (request.chunkSize !== undefined && request.chunkSize > limits.maxChunkSizeBytes) {
    throw new AppError('VALIDATION_FAILED', 'The request is not valid.', {
      details: { errors: [{ field: 'chunkSize', message: `must be at most ${limits.maxChunkSizeBytes}` }] },
    })
  }
}

const raisedStep = 64 * 1024

/**
 * The chunk size in bytes: what was asked for, raised where the file would need more than `maxChunks` chunks, and to what
 * the pool takes.
 */
function planChunkSize(request: CreateUploadRequest, limits: UploadLimits, leastChunkBytes: number): number {
  const asked = Math.max(leastChunkBytes, request.chunkSize ?? limits.defaultChunkSizeBytes)
  const least = Math.ceil(request.fileSize / maxChunks)
  return asked >= least ? asked : Math.ceil(least / raisedStep) * raisedStep
}

type Plan = {
  taskId: string
  accountId: string
  poolId: string
  sinkKey: string
  chunkSizeBytes: number
  chunksCount: number
}

async function record(query: Query, plan: Plan, request: CreateUploadRequest): Promise<void> {
  await insertTasks(query, [
    {
      id: plan.taskId,
      accountId: plan.accountId,
      type: uploadType,
      name: request.fileName,
      status: 'InProgress',
      parameters: { fileName: request.fileName, fileSize: request.fileSize, poolId: plan.poolId },
      hasSecrets: request.encryptPassword !== undefined,
      priority: uploadPriority,
      runnable: false,
    },
  ])
  await insertUpload(query, {
    ...plan,
    fileName: request.fileName,
    fileSizeBytes: request.fileSize,
    contentType: request.contentType,
    bundleId: request.bundleId ?? null,
    declaredSha256: Buffer.from(request.hash, 'hex'),
    fileExpiredAt: request.expiredAt ?? null,
    reservedBytes: request.fileSize,
  })
}
