import type { Workforce } from '../age/threads.ts'
import type { Sealer } from '../auth/seal.ts'
import type { CompressDeps } from '../files/compress.ts'
import type { DecompressDeps } from '../files/decompress.ts'
import type { ConversionPlace } from '../files/convert.ts'
import type { Job } from '../tasks/define-job.ts'
import type { ClearDeps } from '../uploads/clear.ts'
import { bulkOperation } from './bulk-operation.ts'
import { fileCompress } from './file-compress.ts'
import { fileDecompress } from './file-decompress.ts'
import { fileConversion } from './file-conversion.ts'
import { fileDecrypt } from './file-decrypt.ts'
import { fileEncrypt } from './file-encrypt.ts'
import { fileMove } from './file-move.ts'
import { fileUpload } from './file-upload.ts'
import { storageMigration } from './storage-migration.ts'

export type JobDeps = ClearDeps &
  CompressDeps &
  DecompressDeps & {
    crypt: Workforce
    sealer: Sealer | undefined
    /** Undefined in a process that runs no tasks. */
    conversion: ConversionPlace | undefined
  }

/** Every task type that comes with Longshore. */
export function builtInJobs(deps: JobDeps): readonly Job[] {
  return [
    bulkOperation(deps),
    fileCompress(deps),
    fileConversion(deps),
    fileDecompress(deps),
    fileDecrypt(deps),
    fileEncrypt(deps),
    fileMove(deps),
    fileUpload(deps),
    storageMigration(deps),
  ]
}
