import { createHash } from 'node:crypto'
import { z } from 'zod'
import { isDenseType } from '../archive/dense.ts'
import type { ArchiveEntry } from '../archive/entry.ts'
import { pathFor, uniquePaths } from '../archive/paths.ts'
import {
  type ArchiveFormat,
  type ArchivePart,
  type ArchivePlan,
  archiveParts,
  archiveState,
  type ArchiveTools,
  planBytes,
} from '../archive/write.ts'
import type { FileRow } from '../db/files.ts'
import type { FinishedOutput } from '../db/outputs.ts'
import type { JobContext } from '../tasks/define-job.ts'
import { contentTypeOf } from './content-type.ts'
import { type OutputDeps, type OutputRun, TaskOutputs } from './outputs.ts'
import { readSource } from './sources.ts'
import { type OutputPart, writeParts } from './write-parts.ts'

export type CompressDeps = OutputDeps & { archiveTools: ArchiveTools }
export type Compression = {
  format: ArchiveFormat
  level: number
  files: readonly FileRow[]
  poolId: string
  contentType: string
}

const archiveNote = z.object({ state: archiveState })

type Context = OutputRun & Pick<JobContext, 'progress'>

export type Compressed = { outputs: TaskOutputs; slot: string; output: FinishedOutput }

/**
 * Packs files into one archive, as an output of the task. Interrupted, it goes on after the last part that was noted: an
 * entry, or a megabyte of a large one. The archive is the same whether it was interrupted or not; when files were renamed
 * or replaced meanwhile, it is begun anew.
 */
export async function compressFiles(
  deps: CompressDeps,
  { files, poolId, contentType, ...how }: Compression,
  context: Context,
): Promise<Compressed> {
  const { signal, progress } = context
  const plan: ArchivePlan = { ...how, entries: entriesOf(deps, files, signal) }
  const slot = `archive ${hashOf(plan, files)}`
  const outputs = await TaskOutputs.open(deps, context)
  const finished = outputs.finished(slot)
  if (finished) return { outputs, slot, output: finished }
  const target = { slot, poolId, contentType }
  const resumed = await outputs.resume(target, archiveNote)
  const output = resumed?.output ?? (await outputs.begin(target))
  const totalBytes = Math.max(1, planBytes(plan))
  const onPart = (doneBytes: number): void => progress((100 * doneBytes) / totalBytes)
  const parts = partsOf(archiveParts(plan, deps.archiveTools, resumed?.note.state), onPart)
  return { outputs, slot, output: await writeParts(output, () => parts, { signal }) }
}

async function* partsOf(
  parts: AsyncIterable<ArchivePart>,
  onPart: (doneBytes: number) => void,
): AsyncGenerator<OutputPart> {
  for await (const { pieces, doneBytes, state, release } of parts) {
    yield { pieces, release, note: () => ({ state: state() }) }
    onPart(doneBytes)
  }
}

function entriesOf(deps: CompressDeps, files: readonly FileRow[], signal: AbortSignal): ArchiveEntry[] {
  const paths = uniquePaths(files.map((file) => pathFor(file.name)))
  return files.map((file, index) => ({
    name: paths[index] ?? file.id,
    sizeBytes: file.sizeBytes,
    modifiedAt: file.createdAt,
    isDense: isDense(file),
    read: (range) => readSource(deps, file, range, signal),
  }))
}

function isDense({ name, contentType }: FileRow): boolean {
  return isDenseType(contentType) || isDenseType(contentTypeOf(name)) || /\.age$/i.test(name)
}

/** The same for what makes the same archive. */
function hashOf({ format, level, entries }: ArchivePlan, files: readonly FileRow[]): string {
  const hash = createHash('sha256').update(JSON.stringify({ version: 1, format, level }))
  for (const [index, file] of files.entries()) {
    const entry = entries[index]
    hash.update(JSON.stringify([entry?.name, entry?.modifiedAt, entry?.isDense, file.sizeBytes]))
    hash.update(file.sha256)
  }
  return hash.digest('hex')
}
