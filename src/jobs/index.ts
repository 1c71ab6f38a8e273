import type { Job } from '../tasks/define-job.ts'
import type { ClearDeps } from '../uploads/clear.ts'
import { bulkOperation } from './bulk-operation.ts'
import { fileMove } from './file-move.ts'
import { fileUpload } from './file-upload.ts'
import { storageMigration } from './storage-migration.ts'

/** Every task type that comes with Longshore. */
export function builtInJobs(deps: ClearDeps): readonly Job[] {
  return [bulkOperation(deps), fileMove(deps), fileUpload(deps), storageMigration(deps)]
}
