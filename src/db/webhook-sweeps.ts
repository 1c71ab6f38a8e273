import type { Query } from './connect.ts'
import type { Dispatch } from './webhook-deliveries.ts'

const atOnce = 2000

/** Has deliveries done again whose attempt has outlived its lease: its process is gone. Answers how many. */
export async function expireDeliveryLeases(query: Query): Promise<number> {
  const rows = await query`
    update webhook_deliveries set dispatch = dispatch + 1, admitted_at = null, lease_expires_at = null
    where id in (
      select id from webhook_deliveries where lease_expires_at < now()
      order by lease_expires_at limit ${atOnce} for no key update skip locked
    )`
  return rows.count
}

export type Unclaimed = Dispatch & { ageMs: number }

/** Deliveries that were handed over at least `ageMs` ago and that nobody has taken. */
export async function findUnclaimedDeliveries(query: Query, ageMs: number): Promise<Unclaimed[]> {
  return query<Unclaimed[]>`
    select id as delivery_id, dispatch, extract(epoch from now() - admitted_at)::float8 * 1000 as age_ms
    from webhook_deliveries
    where status = 'pending' and admitted_at < now() - ${ageMs} * interval '1 millisecond' and lease_expires_at is null
    limit ${atOnce}`
}

/** Has deliveries that the engine has lost handed over again, unless they were taken meanwhile. Answers how many. */
export async function readmitDeliveries(query: Query, lost: readonly Dispatch[]): Promise<number> {
  const rows = await query`
    update webhook_deliveries set dispatch = webhook_deliveries.dispatch + 1, admitted_at = null
    where id in (
      select id from webhook_deliveries
        join unnest(${lost.map((one) => one.deliveryId)}::uuid[], ${lost.map((one) => one.dispatch)}::int[])
          as lost (delivery_id, dispatch) on id = lost.delivery_id and webhook_deliveries.dispatch = lost.dispatch
      where status = 'pending' and lease_expires_at is null order by id for no key update of webhook_deliveries skip locked
    )`
  return rows.count
}

/**
 * Gives up what is past its time and has no attempt of its own to expect: its webhook is disabled, or has failed for a day
 * without a break. Elsewhere each has a last attempt, which decides. Answers how many.
 */
export async function giveUpDeliveries(query: Query): Promise<number> {
  const rows = await query`
    update webhook_deliveries set status = 'dead', ended_at = now(), last_error = coalesce(last_error, 'GIVEN_UP')
    where id in (
      select delivery.id from webhooks cross join lateral (
        select id from webhook_deliveries
        where webhook_id = webhooks.id and status = 'pending' and admitted_at is null and give_up_at < now()
        limit ${atOnce} for no key update skip locked
      ) as delivery
      where not enabled or failing_since < now() - interval '24 hours'
    )`
  return rows.count
}

/** Removes deliveries that ended more than `ageMs` ago, some thousand at a time. Answers how many. */
export async function deleteOldDeliveries(query: Query, ageMs: number): Promise<number> {
  const rows = await query`
    delete from webhook_deliveries where id in (
      select id from webhook_deliveries where ended_at < now() - ${ageMs} * interval '1 millisecond'
      order by ended_at limit ${atOnce} for update skip locked)`
  return rows.count
}
