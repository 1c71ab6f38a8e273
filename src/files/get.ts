import { AppError } from '../errors.ts'
import type { FileView } from '../contract/file.ts'
import type { Query } from '../db/connect.ts'
import { type FileRow, findFile } from '../db/files.ts'

/** An account's file. Throws FILE_NOT_FOUND, also for another account's file and one that has expired. */
export async function getFile(query: Query, wanted: { id: string; accountId: string }): Promise<FileRow> {
  const file = await findFile(query, wanted)
  if (!file) throw new AppError('FILE_NOT_FOUND', 'There is no such file.', { details: { fileId: wanted.id } })
  return file
}

/** A file as the API shows it. */
export function presentFile(file: FileRow): FileView {
  return {
    id: file.id,
    name: file.name,
    size: file.sizeBytes,
    contentType: file.contentType,
    hash: file.sha256.toString('hex'),
    poolId: file.poolId,
    bundleId: file.bundleId,
    expiredAt: file.expiredAt?.toISOString() ?? null,
    createdAt: file.createdAt.toISOString(),
    updatedAt: file.updatedAt.toISOString(),
  }
}
