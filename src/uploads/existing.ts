import { randomUUID } from 'node:crypto'
import type { PoolPolicy } from '../contract/pool.ts'
import type { CreateUploadRequest, CreateUploadResponse } from '../contract/upload.ts'
import { type Sql, transact } from '../db/connect.ts'
import { findOwnObject, insertFile } from '../db/files.ts'
import { presentFile } from '../files/get.ts'
import { readHead } from '../files/head.ts'
import { asksForBytes, requireBytes } from '../files/pool-policy.ts'
import { type QuotaRules, takeFromQuota } from '../files/quota.ts'
import type { Storage } from '../storage/contract.ts'
import { type KeyedRequest, keepForRepetition } from '../tasks/idempotency.ts'
import type { CreatedUpload } from './repeat.ts'
import { type Creator, requireWelcome } from './welcome.ts'

/** What is asked for, and by what it is judged. */
export type Creation = {
  creator: Creator
  poolId: string
  policy: PoolPolicy
  request: CreateUploadRequest
  keyed: KeyedRequest | undefined
}

/** A new file on an object that the account holds in the pool already; undefined when it holds none with these bytes. */
export async function addExisting(
  sql: Sql,
  quota: QuotaRules,
  storage: Storage,
  { creator, poolId, policy, request, keyed }: Creation,
): Promise<CreateUploadResponse | 'repetition' | undefined> {
  const { accountId, quotaBytes } = creator
  const sha256 = Buffer.from(request.hash, 'hex')
  const object = await findOwnObject(sql, { accountId, poolId, sha256, sizeBytes: request.fileSize })
  if (!object) return undefined
  if (asksForBytes(policy)) {
    // They may have come here under another policy, or another name of a type.
    const head = await readHead(storage, { ...object, sizeBytes: request.fileSize })
    if (!head) return undefined
    await requireBytes(policy, { contentType: request.contentType, isEncrypted: false }, head)
  }
  const id = randomUUID()
  const file = await transact(sql, async (query) => {
    if (keyed && !(await keepForRepetition(query, keyed, { fileId: id } satisfies CreatedUpload))) return undefined
    await requireWelcome(query, poolId, { creator, request }, { lock: true })
    const made = await insertFile(query, {
      id,
      accountId,
      objectId: object.objectId,
      bundleId: request.bundleId ?? null,
      name: request.fileName,
      contentType: request.contentType,
      expiredAt: request.expiredAt ?? null,
    })
    const more = { accountId, poolId, usedBytes: made.sizeBytes, filesCount: 1 }
    await takeFromQuota(query, quota, [more], quotaBytes)
    return made
  })
  return file ? { fileExists: true, file: presentFile(file) } : 'repetition'
}
