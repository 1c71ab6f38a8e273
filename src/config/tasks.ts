import { z } from 'zod'
import { listOf, type Read, whole } from './values.ts'

export type TasksConfig = {
  /** Modules with an app's own task types. */
  modules: string[]
  retentionMs: number
  /** Tasks that have not ended, uploads aside. */
  openPerAccount: number
}

export type SchedulesConfig = { perAccount: number }

export const taskSettings = {
  TASK_MODULES: z.string().default(''),
  TASK_RETENTION_DAYS: whole(1, 3650, 30),
  OPEN_TASKS_PER_ACCOUNT: whole(0, 1_000_000_000, 100_000),
  SCHEDULES_PER_ACCOUNT: whole(0, 1_000_000, 1000),
}

export function tasksConfig(set: Read<typeof taskSettings>): TasksConfig {
  return {
    modules: listOf(set.TASK_MODULES),
    retentionMs: set.TASK_RETENTION_DAYS * 24 * 3_600_000,
    openPerAccount: set.OPEN_TASKS_PER_ACCOUNT,
  }
}

export function schedulesConfig(set: Read<typeof taskSettings>): SchedulesConfig {
  return { perAccount: set.SCHEDULES_PER_ACCOUNT }
}
