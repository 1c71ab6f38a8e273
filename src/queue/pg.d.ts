// The driver as BullMQ wants it: its own description of a pool and the one that @types/pg gives do not agree.
declare module 'pg' {
  import type { PgPool, PgPoolConfig } from 'bullmq'

  const pg: { Pool: new (config: PgPoolConfig) => PgPool }
  export default pg
}
