import { constants, copyFile, type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { systemCode } from '../errors.ts'
import { copySuffix } from './local-layout.ts'
import { readAhead } from './local-reader.ts'

export const fileMode = 0o600
const folderMode = 0o700

/** Makes a folder and what is missing above it; answers the folders whose entries changed, for `syncFolders`. */
export async function makeFolder(path: string): Promise<string[]> {
  const first = await mkdir(path, { recursive: true, mode: folderMode })
  if (first === undefined) return []
  const changed: string[] = []
  for (let folder = path; folder !== dirname(first); folder = dirname(folder)) changed.push(dirname(folder))
  return changed
}

/** Makes renames and new entries in these folders survive a power cut. */
export async function syncFolders(paths: Iterable<string>): Promise<void> {
  for (const path of new Set(paths)) {
    const folder = await open(path, 'r')
    try {
      await folder.sync()
    } finally {
      await folder.close()
    }
  }
}

/**
 * Gives a file another name, by copying when that is on another filesystem. What stood there is replaced at once, never
 * seen half-written. The copy is durable before it takes the name, which is not if `from` is taken away meanwhile (ENOENT).
 */
export async function moveFile(from: string, to: string, signal: AbortSignal): Promise<void> {
  try {
    await rename(from, to)
    return
  } catch (error) {
    if (systemCode(error) !== 'EXDEV') throw error
  }
  await copyInto(from, to, signal)
  await rm(from, { force: true })
}

/** Puts a copy in the file's own place: a new inode, which nobody else has open. Its bytes are durable. */
export async function replaceByCopy(path: string, signal: AbortSignal): Promise<void> {
  await copyInto(path, path, signal)
}

async function copyInto(from: string, to: string, signal: AbortSignal): Promise<void> {
  const copyPath = to + copySuffix
  try {
    await copyBytes(from, copyPath, signal)
    await stat(from)
    await rename(copyPath, to)
  } catch (error) {
    await rm(copyPath, { force: true }).catch(() => undefined)
    throw error
  }
}

/** Makes `to` a durable copy of `from` by sharing its blocks; false where the filesystem cannot do that. */
export async function cloneDurably(from: string, to: string): Promise<boolean> {
  await rm(to, { force: true })
  if (!(await isCloned(from, to))) return false
  await flush(to)
  return true
}

async function copyBytes(from: string, to: string, signal: AbortSignal): Promise<void> {
  await rm(to, { force: true })
  if (!(await isCloned(from, to))) await copyPieces(from, to, signal)
  await flush(to)
}

async function flush(path: string): Promise<void> {
  const copy = await open(path, 'r+')
  try {
    await copy.datasync()
  } finally {
    await copy.close()
  }
}

/** Shares the blocks with the original where the filesystem can do that; later writes to either change only that one. */
async function isCloned(from: string, to: string): Promise<boolean> {
  try {
    await copyFile(from, to, constants.COPYFILE_FICLONE_FORCE)
    return true
  } catch (error) {
    if (systemCode(error) === 'ENOENT') throw error
    await rm(to, { force: true })
    return false
  }
}

async function copyPieces(from: string, to: string, signal: AbortSignal): Promise<void> {
  const source = await open(from, 'r')
  try {
    const copy = await open(to, 'wx', fileMode)
    try {
      const { size: lengthBytes } = await source.stat()
      for await (const piece of readAhead(source, { startBytes: 0, lengthBytes }, signal)) await writeFully(copy, piece)
    } finally {
      await copy.close()
    }
  } finally {
    await source.close()
  }
}

/** Writes all of a piece where the file stands. */
export async function writeFully(handle: FileHandle, piece: Buffer): Promise<void> {
  for (let doneBytes = 0; doneBytes < piece.length; ) {
    const { bytesWritten } = await handle.write(piece, doneBytes)
    doneBytes += bytesWritten
  }
}
