import type { Sql } from '../db/connect.ts'
import { transact } from '../db/connect.ts'
import {
  deleteOldDeliveries,
  expireDeliveryLeases,
  findUnclaimedDeliveries,
  giveUpDeliveries,
  readmitDeliveries,
} from '../db/webhook-sweeps.ts'
import type { DeliveryQueue } from '../queue/webhook-deliveries.ts'

/** A delivery is looked up in the engine once it has waited so long. */
const unclaimedAgeMs = 2000
/** From taking a delivery to claiming it are milliseconds: who has not done so by then is dead. */
const takenAgeMs = 10_000

/** Has deliveries made again whose process is gone, or that the engine has lost. Answers how many. */
export async function sweepLostDeliveries(sql: Sql, deliveries: Pick<DeliveryQueue, 'find'>): Promise<number> {
  const expired = await expireDeliveryLeases(sql)
  const unclaimed = await findUnclaimedDeliveries(sql, unclaimedAgeMs)
  const found = unclaimed.length === 0 ? [] : await deliveries.find(unclaimed)
  const lost = unclaimed.filter(
    ({ ageMs }, index) => found[index] === 'gone' || (found[index] === 'taken' && ageMs > takenAgeMs),
  )
  if (lost.length === 0) return expired
  return expired + (await transact(sql, (query) => readmitDeliveries(query, lost)))
}

/** Gives up deliveries whose time is over, and removes those that ended long ago. Answers how many. */
export async function sweepOldDeliveries(sql: Sql, retentionMs: number): Promise<number> {
  return (await giveUpDeliveries(sql)) + (await deleteOldDeliveries(sql, retentionMs))
}
