import { AppError } from '../errors.ts'
import type { FileView } from '../contract/file.ts'
import type { Query } from '../db/connect.ts'
import { type FileRow, findFile } from '../db/files.ts'

/** An account's file. Throws FILE_NOT_FOUND, also for another account's file and one that has expired. */
export async function getFile(query: Query, wanted: { id: string; accountId: string }): Promise<FileRow> {
  const file = await findFile(query, wanted)
  if (!file) throw fileNotFound(wanted.id)
  return file
}

export function fileNotFound(fileId: string): AppError {
  return new AppError('FILE_NOT_FOUND', 'There is no such file.', { details: { fileId } })
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
    tags: file.tags,
    expiredAt: file.expiredAt?.toISOString() ?? null,
    deletedAt: file.deletedAt?.toISOString() ?? null,
    createdAt: file.createdAt.toISOString(),
    updatedAt: file.updatedAt.toISOString(),
  }
}
