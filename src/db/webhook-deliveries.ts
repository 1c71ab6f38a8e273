import type { Query } from './connect.ts'
import { eventsWithin, type Stretch } from './notify-feed.ts'

/**
 * So many deliveries of one webhook are under way at once, and while it fails, one now and then: others are not to wait for
 * receivers that hang, however many there are.
 */
const widthWhileWell = 16
const widthWhileFailing = 1
/** A webhook fails once so many attempts have failed one after the other, and then rests after each, longer and longer. */
const failuresUntilFailing = 3
const restMs = { first: 5000, most: 300_000 }
/** How long a delivery is tried. */
const giveUpAfter = '24 hours'

/** One handing-over of a delivery to the engine; only the latest counts. */
export type Dispatch = { deliveryId: string; dispatch: number }

/** Makes a delivery of every event of a stretch for every webhook that wants it. Answers which webhooks got any. */
export async function deriveDeliveries(query: Query, stretch: Stretch): Promise<string[]> {
  const rows = await query<{ webhookId: string }[]>`
    with derived as (
      insert into webhook_deliveries (webhook_id, task_id, seq, type, body, give_up_at)
      select webhooks.id, event.task_id, event.seq, event.type, json_build_object('type', event.type,
          'timestamp', to_char(event.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
          'data', event.data - 'lastProgress' || jsonb_build_object('seq', event.seq))::text,
        now() + ${giveUpAfter}::interval
      from (${eventsWithin(query, stretch, 'webhooks')}) as event join webhooks using (account_id)
      where enabled and (event_types is null or event.type = any(event_types))
        and not pg_visible_in_snapshot(event.xid, since::pg_snapshot)
      order by max(event.created_at) over (partition by event.task_id order by event.seq), event.task_id, event.seq
      on conflict do nothing returning webhook_id
    )
    select distinct webhook_id from derived`
  return rows.map((row) => row.webhookId)
}

/** Adds what is told to one webhook and no event. Answers the delivery's id; undefined when the webhook is gone. */
export async function insertDelivery(
  query: Query,
  { webhookId, type, body }: { webhookId: string; type: string; body: string },
): Promise<string | undefined> {
  const [row] = await query<{ id: string }[]>`
    insert into webhook_deliveries (webhook_id, type, body, give_up_at)
    select id, ${type}, ${body}, now() + ${giveUpAfter}::interval from webhooks where id = ${webhookId} for key share
    returning id`
  return row?.id
}

/** The webhooks that have something due. */
export async function findDueWebhooks(query: Query): Promise<string[]> {
  const rows = await query<{ id: string }[]>`
    select id from webhooks where enabled and ${isAwake(query)} and exists (
      select 1 from webhook_deliveries
      where webhook_id = webhooks.id and status = 'pending' and admitted_at is null and next_attempt_at <= now()
    )`
  return rows.map((row) => row.id)
}

/**
 * Chooses what is to be delivered now, as far as each webhook's width has room. Of one task's deliveries to one webhook
 * only the earliest that has not ended, so that they come in order. To be run in a transaction.
 */
export async function admitDeliveries(query: Query, webhookIds: readonly string[]): Promise<Dispatch[]> {
  // Held first and counted in another statement, which sees what the holder before did.
  const held = await query<{ id: string; width: number }[]>`
    select id, case when failures >= ${failuresUntilFailing} then ${widthWhileFailing} else ${widthWhileWell} end::int as width
    from webhooks where enabled and ${isAwake(query)} and id = any(${webhookIds}::uuid[])
    order by id for no key update`
  if (held.length === 0) return []
  return query<Dispatch[]>`
    with chosen as (
      select delivery.id from (
        select id, width - (
          select count(*) from webhook_deliveries where webhook_id = held.id and status = 'pending' and admitted_at is not null
        ) as room
        from unnest(${held.map((one) => one.id)}::uuid[], ${held.map((one) => one.width)}::int[]) as held (id, width)
      ) as webhook cross join lateral (
        select id from webhook_deliveries waiting
        where webhook_id = webhook.id and status = 'pending' and admitted_at is null and next_attempt_at <= now()
          and not exists (
            select 1 from webhook_deliveries earlier
            where earlier.webhook_id = waiting.webhook_id and earlier.task_id = waiting.task_id
              and earlier.seq < waiting.seq and earlier.status = 'pending'
          )
        order by next_attempt_at, position limit greatest(0, webhook.room)
      ) as delivery
    )
    update webhook_deliveries set admitted_at = now() from chosen
    where webhook_deliveries.id = chosen.id and status = 'pending' and admitted_at is null
    returning webhook_deliveries.id as delivery_id, dispatch`
}

export type ClaimedDelivery = Dispatch & {
  webhookId: string
  taskId: string | null
  seq: number | null
  body: string
  attempts: number
  url: string
  /** Whether its webhook's last attempt failed. */
  isFailing: boolean
  /** Sealed, the newest first. */
  secrets: Buffer[]
  /** The ledger's time. */
  nowSeconds: number
}

/** Takes a delivery for one attempt. Undefined when it is outdated, taken, or its webhook is disabled. */
export async function claimDelivery(
  query: Query,
  { deliveryId, dispatch }: Dispatch,
  leaseMs: number,
): Promise<ClaimedDelivery | undefined> {
  const [row] = await query<ClaimedDelivery[]>`
    update webhook_deliveries delivery set attempts = attempts + 1,
      lease_expires_at = now() + ${leaseMs} * interval '1 millisecond'
    from webhooks webhook
    where delivery.id = ${deliveryId} and dispatch = ${dispatch} and status = 'pending' and admitted_at is not null
      and lease_expires_at is null and webhook.id = delivery.webhook_id and webhook.enabled
    returning delivery.id as delivery_id, dispatch, webhook_id, task_id, seq, body, attempts, url, failures > 0 as is_failing,
      array_remove(array[secret, case when previous_until > now() then previous_secret end], null) as secrets,
      floor(extract(epoch from now()))::float8 as now_seconds`
  return row
}

/** What an attempt came to: the status that was answered, or why there was none. */
export type AttemptResult = { status: number | null; error: string | null; durationMs: number }

/** Notes that a delivery was taken by its receiver. */
export async function settleDelivered(query: Query, claimed: ClaimedDelivery, result: AttemptResult): Promise<void> {
  if (claimed.isFailing) {
    await query`update webhooks set failures = 0, failing_since = null, rests_until = null where id = ${claimed.webhookId}`
  }
  await query`
    update webhook_deliveries set status = 'delivered', ended_at = now(), ${released(query)}, ${noted(query, result)}
    where ${stillClaimed(query, claimed)}`
}

/**
 * Notes that an attempt failed: there is another one later, or none any more when the time is over. What is behind it of the
 * same task waits as long, and so is out of the way of the others. Answers whether it is dead.
 */
export async function settleFailed(
  query: Query,
  claimed: ClaimedDelivery,
  result: AttemptResult,
  delayMs: number,
): Promise<'waiting' | 'dead' | 'lost'> {
  const { webhookId, taskId, seq } = claimed
  await query`
    update webhooks set failures = failures + 1, failing_since = coalesce(failing_since, now()),
      rests_until = case when failures + 1 >= ${failuresUntilFailing} then now() + interval '1 millisecond'
        * least(${restMs.most}, ${restMs.first} * 2 ^ least(failures + 1 - ${failuresUntilFailing}, 20)) * (1 - random() / 3) end
    where id = ${webhookId}`
  const [row] = await query<{ status: string; nextAttemptAt: Date }[]>`
    update webhook_deliveries set status = case when now() < give_up_at then 'pending' else 'dead' end,
      ended_at = case when now() < give_up_at then null else now() end,
      next_attempt_at = least(now() + ${delayMs} * interval '1 millisecond', greatest(give_up_at, now())),
      ${released(query)}, ${noted(query, result)}
    where ${stillClaimed(query, claimed)} returning status, next_attempt_at`
  if (!row) return 'lost'
  if (row.status === 'dead') return 'dead'
  await query`
    update webhook_deliveries set next_attempt_at = greatest(next_attempt_at, ${row.nextAttemptAt})
    where webhook_id = ${webhookId} and task_id = ${taskId} and seq > ${seq} and status = 'pending'`
  return 'waiting'
}

/** Disables a webhook that is gone by its own word, and ends whatever waits for it. */
export async function settleGone(query: Query, claimed: ClaimedDelivery, result: AttemptResult): Promise<void> {
  const { webhookId } = claimed
  await query`
    update webhooks set enabled = false, disabled_reason = 'gone', disabled_at = now(), failures = failures + 1,
      failing_since = coalesce(failing_since, now()), updated_at = now()
    where id = ${webhookId} and enabled`
  await query`
    update webhook_deliveries set status = 'dead', ended_at = now(), ${released(query)}, ${noted(query, result)}
    where ${stillClaimed(query, claimed)}`
  await query`
    update webhook_deliveries set status = 'dead', ended_at = now(), ${released(query)}, last_error = 'WEBHOOK_GONE'
    where webhook_id = ${webhookId} and status = 'pending'`
}

/** Gives a delivery back whose attempt was broken off by us; it does not count. */
export async function putBackDelivery(query: Query, claimed: ClaimedDelivery): Promise<void> {
  await query`
    update webhook_deliveries set ${released(query)}, attempts = attempts - 1 where ${stillClaimed(query, claimed)}`
}

/** A condition on a webhook: it does not rest. */
const isAwake = (query: Query) => query`(rests_until is null or rests_until <= now())`

const released = (query: Query) => query`dispatch = dispatch + 1, admitted_at = null, lease_expires_at = null`

const noted = (query: Query, { status, error, durationMs }: AttemptResult) =>
  query`
    last_attempt_at = now() - ${durationMs} * interval '1 millisecond', last_status = ${status}, last_error = ${error},
    last_duration_ms = ${Math.round(durationMs)}`

function stillClaimed(query: Query, { deliveryId, dispatch }: Dispatch) {
  return query`id = ${deliveryId} and dispatch = ${dispatch} and lease_expires_at is not null and status = 'pending'`
}
