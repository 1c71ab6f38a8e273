import { createHash } from 'node:crypto'
import { z } from 'zod'
import { isDenseType } from '../archive/dense.ts'
import type { ArchiveEntry } from '../archive/entry.ts'
import { pathFor, uniquePaths } from '../archive/paths.ts'
import {
  type ArchiveFormat,
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
import { type OutputDeps, TaskOutputs } from './outputs.ts'
import { readSource } from './sources.ts'
import { writeArchive } from './write-archive.ts'

export type CompressDeps = OutputDeps & { archiveTools: ArchiveTools }
export type Compression = { format: ArchiveFormat; level: number; files: readonly FileRow[]; poolId: string }

/** How far an archive is, in its own words and in its pool's; and of what, for files can change meanwhile. */
export const compressCheckpoint = z.object({
  planHash: z.string(),
  state: archiveState,
  object: z.object({
    name: z.object({ id: z.string(), epoch: z.number() }),
    sizeBytes: z.number(),
    state: z.string().optional(),
  }),
})

type Context = Pick<
  JobContext<z.infer<typeof compressCheckpoint>>,
  'taskId' | 'epoch' | 'signal' | 'progress' | 'checkpoint' | 'saveCheckpoint'
>

export type Compressed = { outputs: TaskOutputs; slot: string; output: FinishedOutput }

/**
 * Packs files into one archive, as an output of the task. Interrupted, it goes on after the last part that was noted: an
 * entry, or a megabyte of a large one. The archive is the same whether it was interrupted or not; when files were renamed
 * or replaced meanwhile, it is begun anew.
 */
export async function compressFiles(
  deps: CompressDeps,
  { files, poolId, ...how }: Compression,
  context: Context,
): Promise<Compressed> {
  const { signal, progress, saveCheckpoint } = context
  const plan: ArchivePlan = { ...how, entries: entriesOf(deps, files, signal) }
  const planHash = hashOf(plan, files)
  const slot = `archive ${planHash}`
  const noted = context.checkpoint?.planHash === planHash ? context.checkpoint : undefined
  const outputs = await TaskOutputs.open(deps, context, noted?.object)
  const finished = outputs.finished(slot)
  if (finished) return { outputs, slot, output: finished }
  const resumed = noted && (await outputs.resume({ slot, poolId }, noted.object))
  const output = resumed ?? (await outputs.begin({ slot, poolId }))
  const totalBytes = Math.max(1, planBytes(plan))
  const made = await writeArchive(output, archiveParts(plan, deps.archiveTools, resumed && noted?.state), {
    signal,
    onPart: (doneBytes) => progress((100 * doneBytes) / totalBytes),
    note: async (state) => saveCheckpoint({ planHash, state, object: await output.checkpoint() }),
  })
  return { outputs, slot, output: made }
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
