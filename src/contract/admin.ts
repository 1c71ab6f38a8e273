import { z } from 'zod'
import { count, id, instant } from './fields.ts'
import { bands } from './task.ts'

/** How a band stands. */
export const bandView = z
  .strictObject({
    band: z.enum(bands),
    pausedAt: instant.nullable(),
    waiting: count.describe('Tasks that wait in the ledger.'),
    admitted: count.describe('Those that were handed to the queue.'),
    running: count,
    oldestWaitSeconds: z.number().min(0).describe('For how long the longest waiting one has been ready.'),
    minutes: z
      .array(
        z.strictObject({
          minute: instant,
          started: count,
          completed: count,
          failed: count,
          longestWaitSeconds: z.number().min(0).describe('The longest wait of a task that began in it.'),
        }),
      )
      .describe('By the minute of the last hour, those in which nothing happened left out.'),
  })
  .meta({ id: 'Band' })
export type BandView = z.output<typeof bandView>

export const workerView = z
  .strictObject({
    id: z.string(),
    bands: z.array(z.string()),
    concurrency: count,
    types: z.array(z.string()),
    offers: z
      .record(z.string(), z.record(z.string(), z.array(z.string()).readonly()))
      .describe('What it can do of a type, where that depends on what is installed: type, parameter, values.'),
    sweeps: z.boolean().describe('Whether it is the one that was elected to sweep.'),
    startedAt: instant,
    seenAt: instant,
    running: z.array(
      z.strictObject({
        workerId: z.string(),
        taskId: id,
        type: z.string(),
        name: z.string(),
        accountId: id,
        epoch: count,
      }),
    ),
  })
  .meta({ id: 'Worker' })
export type WorkerView = z.output<typeof workerView>

export const boardSessionView = z
  .strictObject({ path: z.string().describe('Where the board of the queues is.'), expiresAt: instant })
  .meta({ id: 'BoardSession' })
export type BoardSessionView = z.output<typeof boardSessionView>

export type AdminFigures = { bands: BandView[]; workers: WorkerView[] }
