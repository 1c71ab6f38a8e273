import postgres from 'postgres'

export type Sql = postgres.Sql<{ bigint: number }>
/** A transaction or the pool itself: what a query function needs to run. */
export type Query = postgres.ISql<{ bigint: number }>
export type Tx = postgres.TransactionSql<{ bigint: number }>

export type Database = {
  sql: Sql
  /** Lets running queries end for up to `timeoutSeconds`, then closes every connection. */
  close: (timeoutSeconds?: number) => Promise<void>
}

export type DatabaseOptions = {
  name: string
  maxConnections: number
  /** False behind a transaction pooler that knows nothing of them: each statement then takes a round trip more. */
  preparesStatements?: boolean
  /**
   * For statements that look up rows by their ids and nothing else: each is planned once, to go by the index, whatever the tables
   * had in them then. Settings of the connection, which a transaction pooler would refuse.
   */
  looksUp?: boolean
}

/** Left to itself the planner either plans each of them anew, for half a millisecond, or may keep a plan that reads all there is. */
const lookingUp = {
  plan_cache_mode: 'force_generic_plan',
  enable_seqscan: 'off',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
}

/**
 * Opens a connection pool on the ledger. Nothing is sent before the first query, and a lost connection is replaced by
 * the next query. Column names arrive in camelCase; `bigint` arrives as a number, for nothing in the ledger passes 2^53.
 */
export function openDatabase(databaseUrl: string, options: DatabaseOptions): Database {
  const sql = postgres(databaseUrl, {
    max: options.maxConnections,
    prepare: options.preparesStatements ?? true,
    // In seconds: so long a request waits for a server that does not answer.
    connect_timeout: 3,
    idle_timeout: 60,
    // The driver's own grows to 20 s, and so long would everybody wait during an outage and after it. In seconds.
    backoff: (failures) => Math.min(0.5, 0.02 * 2 ** failures),
    connection: {
      application_name: `longshore ${options.name}`,
      ...(options.looksUp ? lookingUp : {}),
    },
    onnotice: () => {},
    transform: { undefined: null, column: { from: postgres.toCamel } },
    types: { bigint: { to: 20, from: [20], serialize: String, parse: Number } },
  })
  const asked = options.preparesStatements === false ? oneAtATime(sql) : sql
  return { sql: asked, close: (timeoutSeconds = 5) => sql.end({ timeout: timeoutSeconds }) }
}

/**
 * Has each connection answer one statement before it is given the next; what belongs to a transaction may still travel together.
 * The driver sends a statement with parameters that are not prepared in two halves, the first without the end that a pooler
 * counts. Behind another statement on the same connection, a pooler in transaction mode (seen with PgBouncer 1.18) takes the server
 * away at the end of that one, and nobody ever answers the half.
 */
function oneAtATime(sql: Sql): Sql {
  return new Proxy(sql, {
    apply: (target, self, parts: unknown[]) => {
      const made: unknown = Reflect.apply(target, self, parts)
      if (isStatement(made)) made.options['onexecute'] = () => false
      return made
    },
  })
}

/** What the driver makes of a template: it is asked whether more may follow as soon as it is sent. */
function isStatement(made: unknown): made is { options: Record<string, unknown> } {
  return typeof made === 'object' && made !== null && 'options' in made && 'strings' in made
}

/** Throws when the ledger does not answer. */
export async function pingDatabase(query: Query): Promise<void> {
  await query`select 1`
}

/**
 * Runs a transaction. Should this process stop answering in the middle (frozen, or its machine lost), the ledger rolls it
 * back 5 s later: until then its locks hold up everybody who would go on with the same rows.
 */
export function transact<Answer>(sql: Sql, work: (query: Tx) => Promise<Answer>): Promise<Answer> {
  return transactWith(sql, (query) => query`set local idle_in_transaction_session_timeout = '5s'`.execute(), work)
}

/**
 * The same with each statement planned for its tables as they are. A plan that is kept was often made while a table was small
 * and reads the whole of it, however much it has grown: until its next analysis, which may take a minute. Statements
 * without a parameter keep theirs all the same. What is not durable is committed without waiting for the disk: a crash of
 * the server in the next moment may undo it.
 */
export function transactReplanned<Answer>(
  sql: Sql,
  work: (query: Tx) => Promise<Answer>,
  { isDurable = true }: { isDurable?: boolean } = {},
): Promise<Answer> {
  const set = (query: Tx) =>
    query`
      select set_config('idle_in_transaction_session_timeout', '5s', true),
        set_config('plan_cache_mode', 'force_custom_plan', true),
        set_config('synchronous_commit', case when ${isDurable} then current_setting('synchronous_commit') else 'off' end, true)
    `.execute()
  return transactWith(sql, set, work)
}

async function transactWith<Answer>(
  sql: Sql,
  set: (query: Tx) => Promise<unknown>,
  work: (query: Tx) => Promise<Answer>,
): Promise<Answer> {
  const { answer } = await sql.begin(async (query) => {
    // Not awaited, so that they travel with the first statement; if they fail, the transaction does. As settings of the
    // connection a transaction pooler would refuse them.
    void set(query)
    return { answer: await work(query) }
  })
  return answer
}

/** A value as a `jsonb` parameter. Goes as text, for the driver would have its type be proven to be JSON. */
export function jsonb(query: Query, value: unknown): ReturnType<Query> {
  return query`${JSON.stringify(value)}::text::jsonb`
}

const lostConnection = new Set([
  'CONNECTION_CLOSED',
  'CONNECTION_DESTROYED',
  'CONNECTION_ENDED',
  'CONNECT_TIMEOUT',
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
  // Postgres: admin shutdown, crash shutdown, cannot connect now, too many connections, idle in a transaction.
  '57P01',
  '57P02',
  '57P03',
  '53300',
  '25P03',
])

/** True when the ledger could not be reached: the same request may well succeed in a moment. */
export function isDatabaseUnavailable(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false
  if ('code' in error && typeof error.code === 'string' && lostConnection.has(error.code)) return true
  if (isPoolersWord(error)) return true
  return 'cause' in error && isDatabaseUnavailable(error.cause)
}

/** PgBouncer says so of itself when it cannot reach Postgres; Postgres would name the place in its code where it happened. */
function isPoolersWord(error: object): boolean {
  return 'code' in error && error.code === '08P01' && !('routine' in error)
}
