import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** The files that take longest, so that none of them is begun when the others have ended. */
const longest: readonly string[] = [
  'survival/worker-killed',
  'jobs/file-conversion',
  'uploads/s3',
  'survival/drain',
  'cli/cli',
  'client/page',
  'client/upload',
  'client/tasks',
  'db/connections',
  'survival/postgres-killed',
  'jobs/disk-full',
  'jobs/file-encrypt',
  'tasks/engines',
  'jobs/source-lost',
  'http/request-limits',
  'archive/write',
  'jobs/file-decompress',
  'jobs/storage-migration',
  'uploads/direct',
  'launch/users',
  'launch/start',
  'launch/prepare',
  'storage/s3',
  'storage/s3-retries',
  'jobs/file-compress',
  'storage/s3-faults',
  'age/interop',
  'http/admin',
  'uploads/complete',
  'tasks/worker-lost',
  'survival/elected-lost',
  'survival/redis-lost',
  'survival/api-killed',
  'survival/schedules',
  'uploads/progress',
  'realtime/replay',
  'files/change',
  'uploads/lists',
  'queue/engine',
  'uploads/stalled',
  'tasks/ignored-signal',
]

/** Begins with the longest files; the rest follow in the usual order, the largest first. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const usual = await super.sort(files)
    const rank = ({ moduleId }: TestSpecification): number => {
      const index = longest.findIndex((path) => moduleId.endsWith(`/test/${path}.test.ts`))
      return index === -1 ? longest.length : index
    }
    return usual.toSorted((one, other) => rank(one) - rank(other))
  }
}
