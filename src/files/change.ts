import { type Query, type Sql, transact } from '../db/connect.ts'
import { type FileChanges, findInState, removeFiles, restoreFiles, trashFiles, updateFile } from '../db/file-changes.ts'
import { listTrash } from '../db/file-lists.ts'
import { type FileRow, findFile } from '../db/files.ts'
import { ownsBundle } from '../db/pools.ts'
import { AppError } from '../errors.ts'
import { fileNotFound, getFile } from './get.ts'

export type WantedFile = { id: string; accountId: string }

const batch = 500

/** Renames, re-bundles, tags a file, or says when it expires. Throws FILE_NOT_FOUND, BUNDLE_NOT_FOUND. */
export async function changeFile(sql: Sql, wanted: WantedFile, changes: FileChanges): Promise<FileRow> {
  return transact(sql, async (query) => {
    if (typeof changes.bundleId === 'string') {
      await requireBundle(query, { id: changes.bundleId, accountId: wanted.accountId })
    }
    if (!(await updateFile(query, wanted, changes))) throw fileNotFound(wanted.id)
    return getFile(query, wanted)
  })
}

/** Throws BUNDLE_NOT_FOUND when the account has no such bundle. */
async function requireBundle(query: Query, bundle: { id: string; accountId: string }): Promise<void> {
  if (await ownsBundle(query, bundle)) return
  throw new AppError('BUNDLE_NOT_FOUND', 'There is no such bundle.', { details: { bundleId: bundle.id } })
}

/** Puts a file into the trash; one that lies there already stays as it is. Throws FILE_NOT_FOUND. */
export async function trashFile(sql: Sql, { id, accountId }: WantedFile): Promise<void> {
  const files = { accountId, fileIds: [id] }
  await transact(sql, async (query) => {
    if ((await trashFiles(query, files)).length > 0) return
    if (!(await isInTrash(query, files))) throw fileNotFound(id)
  })
}

/** Takes a file out of the trash; one that is not in it stays as it is. Throws FILE_NOT_FOUND. */
export async function restoreFile(sql: Sql, { id, accountId }: WantedFile): Promise<FileRow> {
  return transact(sql, async (query) => {
    await restoreFiles(query, { accountId, fileIds: [id] })
    const file = await findFile(query, { id, accountId })
    if (!file) throw fileNotFound(id)
    return file
  })
}

/** Removes a file for good, from the trash or from where it is. Throws FILE_NOT_FOUND. */
export async function removeFile(sql: Sql, { id, accountId }: WantedFile): Promise<void> {
  const removed = await transact(sql, (query) => removeFiles(query, { accountId, fileIds: [id] }, 'any'))
  if (removed === 0) throw fileNotFound(id)
}

/** Removes for good what lies in an account's trash. Answers how many files. */
export async function emptyTrash(sql: Sql, accountId: string): Promise<number> {
  let removed = 0
  for (;;) {
    const fileIds = await listTrash(sql, accountId, batch)
    if (fileIds.length === 0) return removed
    // What was restored meanwhile stays.
    removed += await transact(sql, (query) => removeFiles(query, { accountId, fileIds }, 'trash'))
  }
}

async function isInTrash(query: Query, files: { accountId: string; fileIds: readonly string[] }): Promise<boolean> {
  return (await findInState(query, files, 'trash')).length > 0
}
