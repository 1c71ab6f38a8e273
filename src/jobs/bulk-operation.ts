import { z } from 'zod'
import { tag } from '../contract/file.ts'
import { bulkReport, type Operation, runBulk } from '../files/bulk.ts'
import type { OutputDeps } from '../files/outputs.ts'
import { defineJob, type Job } from '../tasks/define-job.ts'
import { fileFilter, fileIds, requireBundle, uuid } from './parameters.ts'

/** Without it nothing is changed, and the report says what would be. */
const confirm = z.boolean().default(false)

const targets = { targetIds: fileIds.optional(), filter: fileFilter.optional() }

const parameters = z
  .discriminatedUnion('operationType', [
    z.strictObject({
      operationType: z.literal('delete'),
      ...targets,
      operationParameters: z.strictObject({ confirm }).prefault({}),
    }),
    z.strictObject({
      operationType: z.literal('restore'),
      ...targets,
      operationParameters: z.strictObject({ confirm }).prefault({}),
    }),
    z.strictObject({
      operationType: z.literal('move'),
      ...targets,
      operationParameters: z
        .strictObject({ confirm, targetPoolId: uuid.optional(), targetBundleId: uuid.nullish() })
        .refine((given) => given.targetPoolId !== undefined || given.targetBundleId !== undefined, {
          error: 'needs targetPoolId, targetBundleId, or both',
        }),
    }),
    z.strictObject({
      operationType: z.literal('tag'),
      ...targets,
      operationParameters: z
        .strictObject({ confirm, add: z.array(tag).max(20).default([]), remove: z.array(tag).max(20).default([]) })
        .refine((given) => given.add.length + given.remove.length > 0, { error: 'needs add, remove, or both' }),
    }),
    z.strictObject({
      operationType: z.literal('expire'),
      ...targets,
      operationParameters: z.strictObject({ confirm, expiredAt: z.iso.datetime({ offset: true }).nullable() }),
    }),
  ])
  .refine((given) => (given.targetIds === undefined) !== (given.filter === undefined), {
    error: 'needs either targetIds or filter',
  })

type Parameters = z.infer<typeof parameters>

/**
 * One operation over many files of the account. Each page of files and the note of how far it is are kept together, so an
 * interruption repeats nothing.
 */
export function bulkOperation(deps: OutputDeps): Job {
  return defineJob({
    type: 'BulkOperation',
    title: 'Change many files',
    parameters,
    checkpoint: z.object({ at: z.string().nullable(), until: z.string(), report: bulkReport }),
    results: bulkReport.extend({ operationType: z.string(), dryRun: z.boolean() }),
    run: async (given, context) => {
      const operation = operationOf(given)
      if (operation.kind === 'move' && typeof operation.targetBundleId === 'string') {
        await requireBundle(context.sql, { id: operation.targetBundleId, accountId: context.accountId })
      }
      const dryRun = !given.operationParameters.confirm
      const report = await runBulk(
        deps,
        { operation, dryRun, targetIds: given.targetIds, filter: { ...given.filter, accountId: context.accountId } },
        context,
      )
      return { kind: 'completed', results: { operationType: given.operationType, dryRun, ...report } }
    },
  })
}

function operationOf(given: Parameters): Operation {
  switch (given.operationType) {
    case 'delete':
    case 'restore':
      return { kind: given.operationType }
    case 'move':
      return { kind: 'move', ...given.operationParameters }
    case 'tag':
      return { kind: 'tag', ...given.operationParameters }
    case 'expire': {
      const { expiredAt } = given.operationParameters
      return { kind: 'expire', expiredAt: expiredAt === null ? null : new Date(expiredAt) }
    }
  }
}
