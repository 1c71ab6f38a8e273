import type { Sql } from '../db/connect.ts'
import { findObjectFiles, findUnknownKeys, hasObjects, type InventoryRow, listObjectKeys } from '../db/inventory.ts'
import type { Storage, StoredObject } from '../storage/contract.ts'
import { idOfKey } from '../storage/object-key.ts'
import type { Findings } from './findings.ts'

export type ObjectCheck = {
  sql: Sql
  poolId: string
  storage: Storage
  findings: Findings
  /** Bytes younger than this may be about to be written down. */
  graceMs: number
  /** Removes bytes that nothing refers to. */
  mends: boolean
}

export type PoolCounts = { objects: number; storedObjects: number; storedBytes: number }

const batchLength = 500

/**
 * Compares what the ledger says lies in a pool with what lies there, both in the order of their keys and a page at a time. What
 * differs is looked at again before it counts, for it may have come or gone in between. Missing bytes cannot be mended.
 * Answers how much there is.
 */
export async function checkObjects(check: ObjectCheck): Promise<PoolCounts> {
  const counts = { objects: 0, storedObjects: 0, storedBytes: 0 }
  const odd = { lost: new Array<InventoryRow>(), unknown: new Array<StoredObject>() }
  for await (const { known, stored } of sideBySide(knownObjects(check), storedObjects(check.storage))) {
    if (known) counts.objects++
    if (stored) {
      counts.storedObjects++
      counts.storedBytes += stored.sizeBytes
    }
    if (known && !known.isOrphaned && known.sizeBytes !== stored?.sizeBytes) odd.lost.push(known)
    if (stored && !known && Date.now() - stored.modifiedAt.getTime() >= check.graceMs) odd.unknown.push(stored)
    if (odd.lost.length >= batchLength) await noteLost(check, odd.lost.splice(0))
    if (odd.unknown.length >= batchLength) await noteUnknown(check, odd.unknown.splice(0))
  }
  await noteLost(check, odd.lost)
  await noteUnknown(check, odd.unknown)
  return counts
}

async function* knownObjects({ sql, poolId }: ObjectCheck): AsyncGenerator<InventoryRow> {
  for (let afterKey = ''; ; ) {
    const page = await listObjectKeys(sql, { poolId, afterKey, limit: batchLength })
    yield* page
    const last = page.at(-1)
    if (!last || page.length < batchLength) return
    afterKey = last.key
  }
}

async function* storedObjects(storage: Storage): AsyncGenerator<StoredObject> {
  for await (const page of storage.listObjects()) yield* page
}

type Pair = { known: InventoryRow | undefined; stored: StoredObject | undefined }

/** Both in the order of their keys, and what has the same key together. */
async function* sideBySide(
  ofLedger: AsyncGenerator<InventoryRow>,
  ofPool: AsyncGenerator<StoredObject>,
): AsyncGenerator<Pair> {
  const next = async <T>(items: AsyncGenerator<T>): Promise<T | undefined> => {
    const step = await items.next()
    return step.done ? undefined : step.value
  }
  let [known, stored] = await Promise.all([next(ofLedger), next(ofPool)])
  while (known || stored) {
    const isKnownNext: boolean = known !== undefined && (stored === undefined || known.key <= stored.key)
    const isStoredNext: boolean = stored !== undefined && (known === undefined || stored.key <= known.key)
    yield { known: isKnownNext ? known : undefined, stored: isStoredNext ? stored : undefined }
    if (isKnownNext) known = await next(ofLedger)
    if (isStoredNext) stored = await next(ofPool)
  }
}

async function noteLost({ sql, poolId, storage, findings }: ObjectCheck, objects: InventoryRow[]): Promise<void> {
  const sizes = new Map<string, number | undefined>()
  for (const { id, key } of objects) sizes.set(id, await storage.sizeOf(key))
  const lost = objects.filter(({ id, sizeBytes }) => sizes.get(id) !== sizeBytes)
  const files = await findObjectFiles(
    sql,
    lost.map(({ id }) => id),
  )
  const filesOf = new Map(files.map(({ id, fileIds }) => [id, fileIds]))
  for (const { id, key, sizeBytes } of lost) {
    const fileIds = filesOf.get(id)
    // Its last file went meanwhile, and its bytes with it.
    if (!fileIds) continue
    const size = sizes.get(id)
    const kind = size === undefined ? 'object-bytes-missing' : 'object-bytes-differ'
    const how = size === undefined ? '' : ` has ${size} bytes and ought to have ${sizeBytes}`
    findings.add({ kind, poolId, sample: `${key}${how} (file ${fileIds.join(', ')})`, bytes: sizeBytes })
  }
}

async function noteUnknown(check: ObjectCheck, objects: StoredObject[]): Promise<void> {
  const { sql, poolId, storage, findings } = check
  const things = objects.map(({ key }) => ({ key, id: idOfKey(key) }))
  const unknown = await findUnknownKeys(sql, poolId, things)
  // A ledger that has nothing in the pool is more likely the wrong one than all of these are left over.
  const mayRemove = check.mends && unknown.size > 0 && (await hasObjects(sql, poolId))
  for (const { key, sizeBytes } of objects.filter((one) => unknown.has(one.key))) {
    // What no pool makes is somebody else's.
    const isMended = mayRemove && idOfKey(key) !== undefined
    if (isMended) await storage.remove(key)
    findings.add({ kind: 'bytes-without-object', poolId, sample: key, bytes: sizeBytes, isMended })
  }
}
