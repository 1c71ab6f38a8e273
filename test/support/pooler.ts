import { describe, inject } from 'vitest'

/** Runs its tests where there is a PgBouncer. Where there is none the run says so loudly, and fails in CI. */
export const describeWithPooler = inject('poolerUrl') === undefined ? describe.skip : describe
