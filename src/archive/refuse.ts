import { AppError } from '../errors.ts'
import { whyUnsafe } from './paths.ts'

const fileTypes = 0o170000
const regularFile = 0o100000
const folder = 0o040000
const symbolicLink = 0o120000

export function damaged(what: string, cause?: unknown): AppError {
  return new AppError('ARCHIVE_DAMAGED', `The archive is damaged: ${what}.`, { cause })
}

export function truncated(what: string, cause?: unknown): AppError {
  return new AppError('ARCHIVE_TRUNCATED', `The archive is cut off: ${what}.`, { cause })
}

export function unsupported(what: string): AppError {
  return new AppError('ARCHIVE_UNSUPPORTED', `The archive cannot be unpacked: ${what}.`)
}

export function refuseLink(path: string): never {
  throw new AppError('ARCHIVE_HAS_LINK', `The archive has a link, ${quoted(path)}; only files are unpacked.`)
}

export function refuseSpecialFile(path: string): never {
  throw new AppError(
    'ARCHIVE_HAS_SPECIAL_FILE',
    `The archive has a device, pipe or socket, ${quoted(path)}; only files are unpacked.`,
  )
}

/** Throws ARCHIVE_UNSAFE_NAME when a path leads or seems to lead elsewhere. */
export function refuseUnsafe(path: string): void {
  const why = whyUnsafe(path)
  if (why === undefined) return
  throw new AppError('ARCHIVE_UNSAFE_NAME', `The archive has an entry ${quoted(path)}: its name ${why}.`)
}

/** Throws when a mode of Unix is of neither a file nor a folder. Zero says nothing. */
export function refuseMode(path: string, mode: number): void {
  const type = mode & fileTypes
  if (type === symbolicLink) refuseLink(path)
  if (type !== 0 && type !== regularFile && type !== folder) refuseSpecialFile(path)
}

/** A name as a message can show it. */
export function quoted(path: string): string {
  const shown = path.length > 100 ? `${path.slice(0, 100).toWellFormed()}…` : path
  return JSON.stringify(shown).replace(/[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069]/g, '\ufffd')
}
