import { execFile } from 'node:child_process'
import { access, constants, realpath } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { OfficeType } from './detect-office.ts'
import { documentFormatsOf } from './document.ts'
import type { Format } from './formats.ts'
import { findIsolation, type Isolation } from './isolation.ts'
import { mediaFormatsOf } from './media.ts'

/** What this machine converts with. */
export type ConversionTools = {
  isolation: Isolation
  /** Paths of commands; undefined where they are not installed, or may not be used. */
  ffmpeg: string | undefined
  soffice: string | undefined
  formats: readonly Format[]
}

export type ToolSettings = {
  dataDir: string
  scratchParent: string
  /** The folders to look for commands in: `PATH`. */
  searchPath: string
  /** Have LibreOffice run also where the system cuts nothing off from the network. */
  allowUnisolated: boolean
}

const run = promisify(execFile)
const imageFormats: Format[] = ['jpeg', 'png', 'webp', 'avif', 'gif', 'tiff']

/** Looks what is installed, and what it can do. */
export async function findTools(settings: ToolSettings): Promise<ConversionTools> {
  const [isolation, { ffmpeg, media }, soffice] = await Promise.all([
    findIsolation(settings.dataDir, settings.scratchParent),
    findMedia(settings.searchPath),
    findCommand('soffice', settings.searchPath),
  ])
  // A document may ask for anything on the network, and LibreOffice has no switch that surely keeps it from that.
  const isSafe = isolation.level !== 'none' || settings.allowUnisolated
  const documents = soffice !== undefined && isSafe ? documentFormatsOf(await programsOf(soffice)) : []
  return {
    isolation,
    ffmpeg,
    soffice: documents.length > 0 ? soffice : undefined,
    formats: [...imageFormats, ...media, ...documents],
  }
}

/** ffmpeg, where it can make something, and what that is. */
async function findMedia(searchPath: string): Promise<{ ffmpeg: string | undefined; media: Format[] }> {
  const ffmpeg = await findCommand('ffmpeg', searchPath)
  const media = ffmpeg === undefined ? [] : mediaFormatsOf(await encodersOf(ffmpeg))
  return { ffmpeg: media.length > 0 ? ffmpeg : undefined, media }
}

async function findCommand(name: string, searchPath: string): Promise<string | undefined> {
  for (const folder of searchPath.split(delimiter).filter((one) => one !== '')) {
    const path = join(folder, name)
    if (await isUsable(path, constants.X_OK)) return path
  }
  return undefined
}

async function encodersOf(ffmpeg: string): Promise<Set<string>> {
  try {
    const { stdout } = await run(ffmpeg, ['-hide_banner', '-encoders'], { timeout: 10_000 })
    // ` V....D libx264   libx264 H.264 …`
    return new Set([...stdout.matchAll(/^ [VAS][F.][S.][X.][B.][D.] (\S+)/gm)].map(([, name = '']) => name))
  } catch {
    return new Set()
  }
}

const libraries: Record<OfficeType['program'], string> = {
  writer: 'libswlo.so',
  calc: 'libsclo.so',
  impress: 'libsdlo.so',
}

/** The programs whose libraries lie beside the command. Where they are packed otherwise, all are thought to be there. */
async function programsOf(soffice: string): Promise<OfficeType['program'][]> {
  const folder = dirname(await realpath(soffice))
  const programs: OfficeType['program'][] = ['writer', 'calc', 'impress']
  const isThere = await Promise.all(programs.map((one) => isUsable(join(folder, libraries[one]), constants.R_OK)))
  const found = programs.filter((_, index) => isThere[index])
  return found.length > 0 ? found : programs
}

async function isUsable(path: string, mode: number): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    () => false,
  )
}
