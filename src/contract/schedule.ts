import { z } from 'zod'
import { flag, id, instant, optional, page, storableText } from './fields.ts'
import { createTaskRequest } from './task.ts'

/** Shorter than this, what repeats is a task of its own and no schedule. */
const shortestIntervalSeconds = 10
const longestIntervalSeconds = 366 * 24 * 3600

const moment = z.iso.datetime({ offset: true }).transform((text) => new Date(text))
const yearSeconds = 365 * 24 * 3600

/** What each task is made of: a task's fields, but with a time to live in place of a deadline. */
const taskTemplate = createTaskRequest.omit({ after: true, expiredAt: true }).extend({
  /** Each task's deadline lies so long after it was made. */
  deadlineSeconds: optional(z.int().min(1).max(yearSeconds)),
})
export type TaskTemplate = z.output<typeof taskTemplate>

const timing = {
  cron: optional(z.string().min(1).max(200)),
  timeZone: optional(z.string().min(1).max(64)),
  intervalSeconds: optional(z.int().min(shortestIntervalSeconds).max(longestIntervalSeconds)),
}
const choices = {
  /** What to do about ticks that came while no process could make them: nothing, or one task for all of them. */
  missed: z.enum(['skip', 'runOnce']),
  /** Whether a tick makes a task while an earlier one has not ended. */
  overlap: z.enum(['allow', 'skip']),
}

/** Body of `POST /api/schedules`. */
export const createScheduleRequest = z.strictObject({
  name: optional(storableText(200)),
  ...timing,
  startsAt: optional(moment),
  endsAt: optional(moment),
  enabled: z.boolean().default(true),
  missed: choices.missed.default('skip'),
  overlap: choices.overlap.default('allow'),
  task: taskTemplate,
})
export type CreateScheduleRequest = z.output<typeof createScheduleRequest>

/** Body of `PATCH /api/schedules/{id}`: what is left out stays; null takes `startsAt` or `endsAt` away. */
export const changeScheduleRequest = z.strictObject({
  name: optional(storableText(200)),
  ...timing,
  startsAt: moment.nullable().optional(),
  endsAt: moment.nullable().optional(),
  enabled: optional(z.boolean()),
  missed: optional(choices.missed),
  overlap: optional(choices.overlap),
  task: optional(taskTemplate),
})
export type ChangeScheduleRequest = z.output<typeof changeScheduleRequest>

/** The query of `GET /api/schedules`. */
export const listSchedulesQuery = z.strictObject({
  type: storableText(100).optional(),
  enabled: flag.optional(),
  sortBy: z.enum(['createdAt', 'updatedAt', 'name', 'nextRunAt', 'lastRunAt']).default('createdAt'),
  sortDescending: flag.default(true),
  ...page,
})

/** A schedule as the API shows it. */
export const scheduleView = z
  .strictObject({
    scheduleId: id,
    accountId: id,
    name: z.string(),
    cron: z.string().nullable(),
    timeZone: z.string().nullable(),
    intervalSeconds: z.int().nullable(),
    startsAt: instant.nullable(),
    endsAt: instant.nullable(),
    enabled: z.boolean(),
    missed: choices.missed,
    overlap: choices.overlap,
    task: z.record(z.string(), z.unknown()),
    nextRunAt: instant.nullable().describe('Null while it is disabled, and when no tick comes any more.'),
    lastRunAt: instant.nullable().describe('When a task was made last.'),
    lastTaskId: id.nullable(),
    lastError: z
      .strictObject({ code: z.string(), message: z.string(), at: instant })
      .nullable()
      .describe('Why the last tick made no task though it should have; null again with the next one that does.'),
    lastSkip: z
      .strictObject({ reason: z.enum(['missed', 'overlap']), tick: instant })
      .nullable()
      .describe(
        'The last tick that was left out as was asked for: it was missed, or the task before it had not ended.',
      ),
    createdAt: instant,
    updatedAt: instant,
  })
  .meta({ id: 'Schedule' })
export type ScheduleView = z.output<typeof scheduleView>
