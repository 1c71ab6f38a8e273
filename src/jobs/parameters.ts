import { z } from 'zod'
import { tag } from '../contract/file.ts'
import type { Query } from '../db/connect.ts'
import { ownsBundle } from '../db/pools.ts'
import { AppError } from '../errors.ts'
import { Permanent } from '../tasks/define-job.ts'

const mostFiles = 10_000
const mostPackedFiles = 100_000

export const uuid = z.uuid().toLowerCase()

const idsUpTo = (most: number) =>
  z
    .array(uuid)
    .min(1)
    .max(most)
    .refine((ids) => new Set(ids).size === ids.length, { error: 'must name each file once' })

/** The files that a task works on, each once. */
export const fileIds = idsUpTo(mostFiles)

/** The same for a task that makes one file of them. */
export const manyFileIds = idsUpTo(mostPackedFiles)

/** Which of an account's files are meant. */
export const fileFilter = z.strictObject({
  bundleId: uuid.optional(),
  contentType: z
    .string()
    .regex(/^[\w.+-]+\/(\*|[\w.+-]+)$/, 'must be a type such as image/png, or image/*')
    .optional(),
  /** With `*` for any characters and `?` for one, whatever their case. */
  name: z.string().min(1).max(255).optional(),
  tag: tag.optional(),
  olderThanDays: z.number().min(0).max(36_500).optional(),
})

const problems = z.object({ errors: z.array(z.object({ field: z.string(), message: z.string() })) })

/** Has a check that throws an AppError with `details.errors` speak as a schema does. */
export function fits<Given>(check: (given: Given) => void) {
  return (given: Given, context: z.RefinementCtx): void => {
    try {
      check(given)
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      for (const { field, message } of problems.parse(error.details).errors) {
        context.addIssue({ code: 'custom', path: field.split('.'), message })
      }
    }
  }
}

/** Throws Permanent BUNDLE_NOT_FOUND when the account has no such bundle. */
export async function requireBundle(query: Query, bundle: { id: string; accountId: string }): Promise<void> {
  if (await ownsBundle(query, bundle)) return
  throw new Permanent('BUNDLE_NOT_FOUND', `There is no bundle ${bundle.id}.`)
}
