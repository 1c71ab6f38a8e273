import { jsonb, type Query, type Sql, transact } from './connect.ts'

export type AuditEntry = {
  at: Date
  /** Null: somebody without an account, who came by a share link. */
  accountId: string | null
  isAdmin: boolean
  action: string
  thingIds: string[]
  status: number
  code: string | null
  address: string
  requestId: string
}

export type AuditRow = AuditEntry & { id: number }

export type AuditFilter = {
  accountId?: string | undefined
  thingId?: string | undefined
  /** The beginning of an action: `POST /tasks`. */
  action?: string | undefined
  from?: Date | undefined
  until?: Date | undefined
  /** Goes on before this entry, the last of the former page. */
  before?: number | undefined
  limit: number
}

export async function insertAuditEntries(query: Query, entries: readonly AuditEntry[]): Promise<void> {
  await query`
    insert into audit_entries (at, account_id, is_admin, action, thing_ids, status, code, address, request_id)
    select at, account_id, is_admin, action,
      array(select jsonb_array_elements_text(thing_ids)), status, code, address, request_id
    from jsonb_to_recordset(${jsonb(query, entries.map(toColumns))}) as entry (
      at timestamptz, account_id uuid, is_admin boolean, action text, thing_ids jsonb, status smallint, code text,
      address text, request_id text)`
}

function toColumns(entry: AuditEntry) {
  return {
    at: entry.at.toISOString(),
    account_id: entry.accountId,
    is_admin: entry.isAdmin,
    action: entry.action,
    thing_ids: entry.thingIds,
    status: entry.status,
    code: entry.code,
    address: entry.address,
    request_id: entry.requestId,
  }
}

/** A page of entries, the newest first. */
export async function listAuditEntries(query: Query, filter: AuditFilter): Promise<AuditRow[]> {
  const { accountId, thingId, action, from, until, before, limit } = filter
  return query<AuditRow[]>`
    select id, at, account_id, is_admin, action, thing_ids, status, code, address, request_id from audit_entries
    where true
      ${accountId === undefined ? query`` : query`and account_id = ${accountId}`}
      ${thingId === undefined ? query`` : query`and thing_ids @> array[${thingId}]`}
      ${action === undefined ? query`` : query`and starts_with(action, ${action})`}
      ${from === undefined ? query`` : query`and at >= ${from}`}
      ${until === undefined ? query`` : query`and at < ${until}`}
      ${before === undefined ? query`` : query`and id < ${before}`}
    order by id desc limit ${limit}`
}

/** Removes entries that are older than `ageMs`, up to `limit`. Answers how many. */
export async function forgetAuditEntries(sql: Sql, ageMs: number, limit: number): Promise<number> {
  return transact(sql, async (query) => {
    await query`set local longshore.audit_retention = 'on'`
    const rows = await query`
      delete from audit_entries where id in (
        select id from audit_entries where at < now() - ${ageMs} * interval '1 millisecond' order by at limit ${limit})`
    return rows.count
  })
}
