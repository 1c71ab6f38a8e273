import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** The files that take longest, so that none of them is begun when the others have ended. */
const longest: readonly string[] = [
  'dashboard/dashboard',
  'jobs/file-conversion',
  'archive/unpack',
  'storage/local',
  'uploads/s3',
  'cli/cli',
  'client/page',
  'client/upload',
  'client/tasks',
  'db/connections',
  'jobs/file-encrypt',
  'tasks/engines',
  'http/request-limits',
  'archive/write',
  'jobs/file-decompress',
  'jobs/storage-migration',
  'uploads/direct',
  'launch/users',
  'launch/start',
  'launch/prepare',
  'storage/s3',
  'jobs/file-compress',
  'storage/s3-faults',
  'age/interop',
  'http/admin',
  'uploads/complete',
  'tasks/worker-lost',
  'survival/redis-lost',
  'survival/api-killed',
  'uploads/progress',
  'realtime/replay',
  'files/change',
  'uploads/lists',
  'queue/engine',
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
