import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ConversionError } from '../convert/conversion-error.ts'
import { Converter } from '../convert/convert.ts'
import type { ConversionOptions, Format } from '../convert/formats.ts'
import { type ConversionTools, findTools } from '../convert/tools.ts'
import type { FileRow } from '../db/files.ts'
import { AppError } from '../errors.ts'
import type { Log } from '../log.ts'
import { type JobContext, Permanent } from '../tasks/define-job.ts'
import { type MadeFiles, madeWhole, makeOfEach, type Product } from './make-each.ts'
import type { OutputDeps, OutputRun } from './outputs.ts'
import { withScratch } from './scratch.ts'
import { readSource } from './sources.ts'

/** What a process that converts has: tools, limits, and a folder for what they work on. */
export type ConversionPlace = {
  tools: ConversionTools
  scratchParent: string
  limits: { timeoutMs: number; memoryBytes: number; diskBytes: number; maxPixels: number }
}

type Limits = ConversionPlace['limits']

/** Looks what this process can convert with, and says so. */
export async function openConversion(
  { dataDir, conversion }: { dataDir: string; conversion: Limits & { allowUnisolated: boolean } },
  place: { scratchParent: string; searchPath: string },
  log: Log,
): Promise<ConversionPlace> {
  const tools = await findTools({ ...place, ...conversion, dataDir })
  const { formats, ffmpeg, soffice, isolation } = tools
  log.info({ formats, ffmpeg, soffice, isolation: isolation.level }, 'what files can be converted into here')
  return { tools, scratchParent: place.scratchParent, limits: conversion }
}

export type ConvertPlan = {
  files: readonly FileRow[]
  format: Format
  options: ConversionOptions
  product: (file: FileRow) => Product
}

type Context = OutputRun & Pick<JobContext, 'progress'>

const source = 'source'
const pieceBytes = 1024 * 1024

/**
 * Makes of each file one in another format, in processes apart from this one. An interrupted run goes on with the first file
 * that was not finished. Throws Permanent with the codes of ConversionError, naming the file; CONVERSION_UNAVAILABLE when
 * this process has no tool for the format, which another one may have.
 */
export async function convertFiles(
  deps: OutputDeps & { conversion: ConversionPlace | undefined },
  plan: ConvertPlan,
  context: Context,
): Promise<MadeFiles> {
  const { conversion: place } = deps
  if (!place?.tools.formats.includes(plan.format)) throw unavailable(plan.format)
  return withScratch(place.scratchParent, context, async (folder) => {
    const { tools, limits } = place
    const box = { isolation: tools.isolation, folder, limits: { ...limits, cpuSeconds: cpuSeconds(limits) } }
    const converter = new Converter(tools, box, limits)
    try {
      const result = async (file: FileRow, onProgress: (share: number) => void): Promise<AsyncIterable<Buffer>> => {
        await bringSource(deps, { file, folder, diskBytes: limits.diskBytes }, context.signal)
        const wanted = { ...plan, source, name: file.name, signal: context.signal, onProgress }
        const path = await named(file, () => converter.convert(wanted))
        onProgress(1)
        return piecesOf(path)
      }
      const making = (file: FileRow, onRead: (countBytes: number) => void) =>
        madeWhole(() => result(file, progressOf(file, onRead)))
      return await makeOfEach(deps, plan.files, context, { product: plan.product, making })
    } finally {
      await converter.close()
    }
  })
}

function unavailable(format: Format): AppError {
  return new AppError('CONVERSION_UNAVAILABLE', `No tool that can make ${format} is installed where the task ran.`, {
    details: { format },
  })
}

/** Every core for the whole time: nobody who is alive is ended by this. */
function cpuSeconds({ timeoutMs }: { timeoutMs: number }): number {
  return Math.ceil((timeoutMs / 1000) * 64)
}

async function bringSource(
  deps: OutputDeps,
  { file, folder, diskBytes }: { file: FileRow; folder: string; diskBytes: number },
  signal: AbortSignal,
): Promise<void> {
  if (file.sizeBytes >= diskBytes) {
    throw new Permanent('CONVERSION_TOO_LARGE', `${file.name}: the file is larger than a conversion may be here.`)
  }
  const hash = createHash('sha256')
  const handle = await open(join(folder, source), 'w', 0o600)
  try {
    for await (const piece of readSource(deps, file, { startBytes: 0, lengthBytes: file.sizeBytes }, signal)) {
      hash.update(piece)
      await handle.writeFile(piece)
    }
  } finally {
    await handle.close()
  }
  if (hash.digest().equals(file.sha256)) return
  throw new Permanent('SOURCE_DAMAGED', `${file.name} does not have the SHA-256 that was recorded for it.`)
}

/** Tells a share of the file as bytes of it that were dealt with. */
function progressOf({ sizeBytes }: FileRow, onRead: (countBytes: number) => void): (share: number) => void {
  let toldBytes = 0
  return (share) => {
    const doneBytes = Math.floor(sizeBytes * share)
    if (doneBytes <= toldBytes) return
    onRead(doneBytes - toldBytes)
    toldBytes = doneBytes
  }
}

async function named<Answer>(file: FileRow, work: () => Promise<Answer>): Promise<Answer> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof ConversionError)) throw error
    throw new Permanent(error.code, `${file.name}: ${error.message}`, { cause: error })
  }
}

async function* piecesOf(path: string): AsyncGenerator<Buffer> {
  // A tool that failed to notice leaves nothing to read.
  await stat(path)
  for await (const piece of createReadStream(path, { highWaterMark: pieceBytes })) {
    if (!Buffer.isBuffer(piece)) throw new TypeError('a file is read as bytes')
    yield piece
  }
}
