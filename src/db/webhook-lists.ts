import type { Query } from './connect.ts'

export type DeliveryStatus = 'pending' | 'delivered' | 'dead'

export type DeliveryRow = {
  id: string
  position: number
  webhookId: string
  taskId: string | null
  seq: number | null
  type: string
  status: DeliveryStatus
  attempts: number
  nextAttemptAt: Date
  giveUpAt: Date
  lastAttemptAt: Date | null
  lastStatus: number | null
  lastError: string | null
  lastDurationMs: number | null
  endedAt: Date | null
  createdAt: Date
}

const columns = (query: Query) => query`
  id, position, webhook_id, task_id, seq, type, status, attempts, next_attempt_at, give_up_at, last_attempt_at, last_status,
  last_error, last_duration_ms, ended_at, created_at`

export type DeliveryFilter = {
  webhookId: string
  status?: DeliveryStatus | undefined
  type?: string | undefined
  taskId?: string | undefined
  from?: Date | undefined
  until?: Date | undefined
}

/** A page of a webhook's deliveries, the newest first; `before` goes on after the position of the last one. */
export async function listDeliveries(
  query: Query,
  filter: DeliveryFilter & { before?: number | undefined; limit: number },
): Promise<DeliveryRow[]> {
  const { before, limit } = filter
  return query<DeliveryRow[]>`
    select ${columns(query)} from webhook_deliveries
    where ${matching(query, filter)} ${before === undefined ? query`` : query`and position < ${before}`}
    order by position desc limit ${limit}`
}

/** One delivery, and what it sends. */
export async function findDelivery(
  query: Query,
  { webhookId, deliveryId }: { webhookId: string; deliveryId: string },
): Promise<(DeliveryRow & { body: string }) | undefined> {
  const [row] = await query<(DeliveryRow & { body: string })[]>`
    select ${columns(query)}, body from webhook_deliveries where id = ${deliveryId} and webhook_id = ${webhookId}`
  return row
}

/** Has deliveries that have ended be sent anew, the oldest first, as if they had just come. Answers how many. */
export async function replayDeliveries(
  query: Query,
  filter: DeliveryFilter & { deliveryId?: string | undefined; limit: number },
): Promise<number> {
  const { deliveryId, limit } = filter
  const rows = await query`
    update webhook_deliveries set status = 'pending', ended_at = null, attempts = 0, dispatch = dispatch + 1,
      next_attempt_at = now(), give_up_at = now() + interval '24 hours'
    where id in (
      select id from webhook_deliveries
      where ${matching(query, filter)} ${deliveryId === undefined ? query`` : query`and id = ${deliveryId}`}
        and status <> 'pending'
      order by position limit ${limit} for no key update
    )`
  return rows.count
}

function matching(query: Query, { webhookId, status, type, taskId, from, until }: DeliveryFilter) {
  return query`
    webhook_id = ${webhookId}
    ${status === undefined ? query`` : query`and status = ${status}`}
    ${type === undefined ? query`` : query`and type = ${type}`}
    ${taskId === undefined ? query`` : query`and task_id = ${taskId}`}
    ${from === undefined ? query`` : query`and created_at >= ${from}`}
    ${until === undefined ? query`` : query`and created_at < ${until}`}`
}
