import { randomUUID } from 'node:crypto'
import type { Sql } from '../../src/db/connect.ts'
import { createScheduleRequest } from '../../src/contract/schedule.ts'
import { insertSchedule, type ScheduleFields } from '../../src/db/schedules.ts'
import type { Answer, TestClient } from './client.ts'

type Added = Partial<Omit<ScheduleFields, 'template'>> & { accountId?: string; template?: Record<string, unknown> }

/** Writes a schedule of the type `Test` that has been due for a second, every hour from then on; answers its id. */
export async function addDueSchedule(
  sql: Sql,
  { accountId = randomUUID(), template = {}, ...fields }: Added = {},
): Promise<string> {
  const id = randomUUID()
  const { type, ...parsed } = createScheduleRequest.shape.task.parse({ type: fields.type ?? 'Test', ...template })
  const due = new Date(Date.now() - 1000)
  await insertSchedule(
    sql,
    { id, accountId },
    {
      name: 'a schedule',
      cron: null,
      timeZone: null,
      intervalSeconds: 3600,
      anchorAt: due,
      startsAt: null,
      endsAt: null,
      enabled: true,
      missed: 'skip',
      overlap: 'allow',
      type,
      template: parsed,
      permissions: null,
      nextRunAt: due,
      ...fields,
    },
  )
  return id
}

/** Moves a schedule and the ticks it made into the past, as if so long had gone by without anybody to look after it. */
export async function neglect(sql: Sql, scheduleId: string, forMs: number): Promise<void> {
  await sql`
    update schedules set next_run_at = next_run_at - ${forMs} * interval '1 millisecond',
      anchor_at = anchor_at - ${forMs} * interval '1 millisecond'
    where id = ${scheduleId}`
  // Each by a little more than the other, lest they meet on the way.
  await sql`
    update tasks set scheduled_for = scheduled_for - ${forMs} * interval '1 millisecond' - random() * interval '1 second'
    where schedule_id = ${scheduleId}`
}

/** What a client can ask of schedules over HTTP. */
export function schedulesOf(client: TestClient) {
  const post = (body: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
    client.call('POST', '/api/schedules', { body, headers })
  return {
    post,
    patch: (id: string, body: unknown) => client.call('PATCH', `/api/schedules/${id}`, { body }),
    show: async (id: string) => (await client.call('GET', `/api/schedules/${id}`)).body,
    list: (query = '') => client.call('GET', `/api/schedules?${query}`),
    remove: (id: string) => client.call('DELETE', `/api/schedules/${id}`),
    run: (id: string, headers: Record<string, string> = {}) =>
      client.call('POST', `/api/schedules/${id}/run`, { headers }),
    /** Creates one and answers its id. */
    create: async (body: Record<string, unknown>): Promise<string> => {
      const answer = await post(body)
      if (answer.status !== 201) throw new Error(`answered ${answer.status}: ${JSON.stringify(answer.body)}`)
      return String(answer.body['scheduleId'])
    },
  }
}

/** The schedules that most tests are about. */
const task = { type: 'Echo', parameters: { number: 3 } }
export const nightly = { name: 'nightly', cron: '30 2 * * *', timeZone: 'Europe/Berlin', task }
export const hourly = { intervalSeconds: 3600, task }
