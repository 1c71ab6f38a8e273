import { randomBytes } from 'node:crypto'
import { chown, link, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { systemCode } from '../errors.ts'

/** A secret that was made once and is kept in a file only its owner can read. Made now if it is not there yet. */
export async function keptSecret(folder: string, name: string, make = randomSecret): Promise<string> {
  const path = join(folder, name)
  const kept = await readSecret(folder, name)
  if (kept !== undefined) return kept
  const draft = `${path}.${randomBytes(6).toString('hex')}`
  await writeFile(draft, `${make()}\n`, { mode: 0o600, flush: true })
  if (process.getuid?.() === 0) {
    const { uid, gid } = await stat(folder)
    await chown(draft, uid, gid)
  }
  try {
    // Unlike a rename, a link never replaces the secret that another process made meanwhile.
    await link(draft, path)
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error
  } finally {
    await rm(draft, { force: true })
  }
  return (await readFile(path, 'utf8')).trim()
}

/** The secret of that name, or undefined when none was made in this folder yet. */
export async function readSecret(folder: string, name: string): Promise<string | undefined> {
  try {
    return (await readFile(join(folder, name), 'utf8')).trim()
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}

function randomSecret(): string {
  return randomBytes(32).toString('base64url')
}
