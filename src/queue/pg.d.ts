// The driver as BullMQ wants it: its own description of a pool and the one that @types/pg gives do not agree.
declare module 'pg' {
  import type { PgPool, PgPoolConfig } from 'bullmq'

  type Listener = (error: Error) => void
  type Pool = PgPool & {
    listeners: (event: 'error') => Listener[]
    off: (event: 'error', listener: Listener) => unknown
  }

  const pg: { Pool: new (config: PgPoolConfig) => Pool }
  export type { Pool }
  export default pg
}
