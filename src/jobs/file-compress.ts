import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { archiveFormats, type ArchiveFormat } from '../archive/write.ts'
import { storableText } from '../contract/fields.ts'
import type { FileRow } from '../db/files.ts'
import { type CompressDeps, compressFiles } from '../files/compress.ts'
import { contentTypeOf } from '../files/content-type.ts'
import { findSources, requireUnchanged } from '../files/sources.ts'
import { defineJob, type Job } from '../tasks/define-job.ts'
import { manyFileIds, requireBundle, uuid } from './parameters.ts'

const mostNameCharacters = 1000

/** Names that a format's files go by; the first is given to one that has none of them. */
const extensions: Record<ArchiveFormat, readonly string[]> = {
  zip: ['.zip'],
  tar: ['.tar'],
  'tar.gz': ['.tar.gz', '.tgz'],
  'tar.zst': ['.tar.zst', '.tzst'],
}

/** Packs files into one archive. What has no zstd offers no tar.zst. */
export function fileCompress(deps: CompressDeps): Job {
  const formats = archiveFormats.filter((format) => format !== 'tar.zst' || deps.archiveTools.zstd !== undefined)
  return defineJob({
    type: 'FileCompress',
    title: 'Compress files',
    parameters: z.strictObject({
      fileIds: manyFileIds,
      compressionFormat: z.enum(formats).default('zip'),
      /** 0 only packs; 9 takes longest. A tar has no levels. */
      compressionLevel: z.int().min(0).max(9).default(6),
      outputFileName: storableText(mostNameCharacters).optional(),
      targetPoolId: uuid.optional(),
      targetBundleId: uuid.nullish(),
    }),
    results: z.object({
      resultFileId: z.string(),
      compressedSize: z.number(),
      /** What the archive has of the files' size: 0.25 for a quarter. */
      compressionRatio: z.number(),
      filesProcessed: z.number(),
    }),
    run: async (given, context) => {
      const { sql, accountId } = context
      const { compressionFormat: format, compressionLevel: level } = given
      const files = await findSources(sql, { accountId, fileIds: given.fileIds })
      const bundleId = given.targetBundleId === undefined ? commonBundle(files) : given.targetBundleId
      if (bundleId !== null) await requireBundle(sql, { id: bundleId, accountId })
      const poolId = given.targetPoolId ?? files[0]?.poolId ?? deps.pools.defaultId
      const name = nameOf(given.outputFileName ?? 'archive', format)
      const contentType = contentTypeOf(name)
      const compression = { format, level, files, poolId, contentType }
      const { outputs, slot, output } = await compressFiles(deps, compression, context)
      const fileId = randomUUID()
      const file = { slot, fileId, name, contentType, bundleId, expiredAt: null }
      return {
        kind: 'completed',
        results: { resultFileId: fileId, filesProcessed: files.length, ...sizes(files, output.sizeBytes) },
        commit: async (query) => {
          await requireUnchanged(query, files)
          await outputs.commit(query, [file])
        },
      }
    },
  })
}

/** The bundle that all the files are in. */
function commonBundle(files: readonly FileRow[]): string | null {
  const [first, ...others] = new Set(files.map((file) => file.bundleId))
  return others.length === 0 ? (first ?? null) : null
}

function nameOf(name: string, format: ArchiveFormat): string {
  const isNamed = extensions[format].some((extension) => name.toLowerCase().endsWith(extension))
  return isNamed ? name : `${name}${extensions[format][0]}`
}

function sizes(files: readonly FileRow[], compressedSize: number) {
  const sourceBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0)
  const ratio = sourceBytes === 0 ? 1 : compressedSize / sourceBytes
  return { compressedSize, compressionRatio: Math.round(ratio * 1e6) / 1e6 }
}
