import { z } from 'zod'
import { findPool } from '../db/pools.ts'
import { type PoolFilter, type PoolSum, sumPoolFiles } from '../db/pool-files.ts'
import { migratePool, type Migrated } from '../files/migrate.ts'
import { requirePool, taskUser } from '../files/pool-policy.ts'
import type { OutputDeps } from '../files/outputs.ts'
import { fileFilter, uuid } from './parameters.ts'
import { defineJob, type Job, type JobContext, Permanent } from '../tasks/define-job.ts'

const parameters = z
  .strictObject({
    sourcePoolId: uuid,
    targetPoolId: uuid,
    filter: fileFilter.default({}),
    concurrency: z.int().min(1).max(32).default(4),
    bytesPerSecond: z.int().min(1024).optional(),
    dryRun: z.boolean().default(false),
    /** Everybody's files, not only those of the task's account: for administrators. */
    allAccounts: z.boolean().default(false),
  })
  .refine((given) => given.sourcePoolId !== given.targetPoolId, {
    path: ['targetPoolId'],
    error: 'must be another pool than sourcePoolId',
  })

type Migration = z.infer<typeof parameters>

const failure = z.object({ fileId: z.string(), code: z.string(), message: z.string() })

const migrated = z.object({
  filesProcessed: z.number(),
  objectsCopied: z.number(),
  bytesCopied: z.number(),
  filesFailed: z.number(),
  failures: z.array(failure),
})

/**
 * Moves the files of one pool to another one, also those that come while it runs. Every object is copied, verified and then
 * changed over by itself, so it can be interrupted, repeated, and undone by running it the other way round.
 */
export function storageMigration(deps: OutputDeps): Job {
  return defineJob({
    type: 'StorageMigration',
    title: 'Migrate storage',
    parameters,
    checkpoint: z.object({ cursor: z.string().nullable(), hasMoved: z.boolean(), done: migrated }),
    results: migrated.extend({ dryRun: z.boolean(), report: z.string() }),
    needsAdmin: (given) => (given['allAccounts'] ?? false) !== false,
    run: async (migration, context) => {
      await requirePools(context, migration)
      const scope: PoolFilter = {
        ...migration.filter,
        poolId: migration.sourcePoolId,
        accountId: migration.allAccounts ? undefined : context.accountId,
      }
      const before = await sumPoolFiles(context.sql, scope)
      if (migration.dryRun) return { kind: 'completed', results: dryRun(before) }
      const done = await migratePool(deps, { ...migration, scope, totalBytes: before.sizeBytes }, context)
      return { kind: 'completed', results: { ...done, dryRun: false, report: describe(done) } }
    },
  })
}

async function requirePools(
  { sql, ...whose }: Pick<JobContext, 'sql' | 'accountId' | 'permissions'>,
  { sourcePoolId, targetPoolId }: Migration,
): Promise<void> {
  if (!(await findPool(sql, sourcePoolId))) throw new Permanent('POOL_NOT_FOUND', `There is no pool ${sourcePoolId}.`)
  await requirePool(sql, targetPoolId, taskUser(whose), { lock: false })
}

function dryRun({ filesCount, objectsCount, sizeBytes }: PoolSum) {
  return {
    filesProcessed: filesCount,
    objectsCopied: objectsCount,
    bytesCopied: sizeBytes,
    filesFailed: 0,
    failures: [],
    dryRun: true,
    report: `Would move ${filesCount} files: ${objectsCount} objects of ${sizeBytes} bytes.`,
  }
}

function describe({ filesProcessed, objectsCopied, bytesCopied, filesFailed }: Migrated): string {
  const moved = `Moved ${filesProcessed} files: ${objectsCopied} objects of ${bytesCopied} bytes.`
  return filesFailed === 0 ? moved : `${moved} ${filesFailed} could not be moved and stay where they were.`
}
