import { execFile } from 'node:child_process'
import { access, constants, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { promisify } from 'node:util'
import { LaunchError } from './launch-error.ts'

/** Whom Postgres runs as; undefined stands for the user of this process. */
export type RunAs = { uid: number; gid: number; name: string } | undefined

/**
 * Chooses the user for Postgres, which refuses to run as root: the owner of the data that is already there, else
 * `postgres`, else `nobody`. Throws LaunchError when the system has none of them.
 */
export async function chooseUser(dataFolder: string): Promise<RunAs> {
  if (process.getuid?.() !== 0) return undefined
  const there = await stat(dataFolder).catch(() => undefined)
  if (there !== undefined && there.uid !== 0) return { uid: there.uid, gid: there.gid, name: `user ${there.uid}` }
  for (const name of ['postgres', 'nobody']) {
    const user = await lookUp(name)
    if (user !== undefined) return user
  }
  throw new LaunchError(
    'Postgres does not run as root, and there is no user "postgres" or "nobody". Add one, or start as a normal user.',
  )
}

async function lookUp(name: string): Promise<RunAs> {
  try {
    const [uid, gid] = await Promise.all(['-u', '-g'].map((option) => promisify(execFile)('id', [option, name])))
    return { uid: Number(uid?.stdout), gid: Number(gid?.stdout), name }
  } catch {
    return undefined
  }
}

/** Whether a user may pass through a folder, judged by its mode and those of all the folders above it. */
export async function mayPass(user: RunAs, folder: string): Promise<boolean> {
  for (let path = resolve(folder); ; path = dirname(path)) {
    if (!(await mayUse(user, path, constants.X_OK))) return false
    if (path === dirname(path)) return true
  }
}

/** Whether a user may read a file and reach it. */
export async function mayRead(user: RunAs, file: string): Promise<boolean> {
  return (await mayUse(user, file, constants.R_OK)) && (await mayPass(user, dirname(file)))
}

async function mayUse(user: RunAs, path: string, needed: number): Promise<boolean> {
  if (user === undefined) {
    return access(path, needed).then(
      () => true,
      () => false,
    )
  }
  const { uid, gid, mode } = await stat(path)
  const granted = uid === user.uid ? mode >> 6 : gid === user.gid ? mode >> 3 : mode
  return (granted & needed) === needed
}
