import type { Query } from '../db/connect.ts'
import { findAskedPermissions } from '../db/pools.ts'

/** Who creates tasks, as their token says it. */
export type TaskCreator = { accountId: string; isAdmin: boolean; permissions: readonly string[] }

/** What an administrator's token is kept as; nobody's permission is called so. */
export const everyPermission = '*'

/**
 * What is kept of a token with the tasks that it makes, for they run when it is gone: of its permissions those that a pool
 * asks for now. Null for nothing.
 */
export async function keptPermissions(query: Query, { isAdmin, permissions }: TaskCreator): Promise<string[] | null> {
  if (isAdmin) return [everyPermission]
  const asked = permissions.length === 0 ? [] : await findAskedPermissions(query, permissions)
  return asked.length === 0 ? null : asked
}
