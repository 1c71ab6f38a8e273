import { z } from 'zod'
import { type ConversionOptions, type Format, formatNames, formats, optionFormats } from '../convert/formats.ts'
import type { FileRow } from '../db/files.ts'
import { type ConversionPlace, convertFiles } from '../files/convert.ts'
import type { OutputDeps } from '../files/outputs.ts'
import { findSources } from '../files/sources.ts'
import { defineJob, type Job } from '../tasks/define-job.ts'
import { fileIds } from './parameters.ts'

/** The most that every image format here can have. */
const pixels = z.int().min(1).max(16_383)

const options = z.strictObject({
  width: pixels.optional(),
  height: pixels.optional(),
  fit: z.enum(['inside', 'outside', 'cover', 'contain', 'fill']).optional(),
  quality: z.int().min(1).max(100).optional(),
  metadata: z.enum(['keep', 'strip']).default('strip'),
  background: z
    .string()
    .regex(/^#[0-9a-f]{6}$/i, 'must be a colour such as #ffffff')
    .optional(),
  animated: z.boolean().optional(),
  frameRate: z.number().min(1).max(240).optional(),
  audioKbps: z.int().min(8).max(512).optional(),
  startSeconds: z.number().min(0).max(1e6).optional(),
  durationSeconds: z.number().gt(0).max(1e6).optional(),
})

const parameters = z
  .strictObject({ fileIds, format: z.enum(formatNames), options: options.prefault({}) })
  .superRefine((given, context) => {
    for (const { path, message } of misfits(given)) context.addIssue({ code: 'custom', path, message })
  })

/**
 * Makes of each file one in another format, beside it and with the same name: images, audio and video, documents. What a
 * file is its bytes say. Metadata such as a camera's place is left out unless it is to be kept.
 */
export function fileConversion(deps: OutputDeps & { conversion: ConversionPlace | undefined }): Job {
  return defineJob({
    type: 'FileConversion',
    title: 'Convert files',
    parameters,
    offers: { format: deps.conversion?.tools.formats ?? [] },
    results: z.object({ filesProcessed: z.number(), resultFileIds: z.array(z.string()), resultFilesCount: z.number() }),
    run: async ({ format, ...given }, context) => {
      const { accountId } = context
      const files = await findSources(context.sql, { accountId, fileIds: given.fileIds })
      const product = (file: FileRow) => nameOfResult(file, format)
      const plan = { files, format, options: given.options, product }
      const made = await convertFiles(deps, plan, context)
      return {
        kind: 'completed',
        results: { filesProcessed: files.length, ...made.results },
        commit: made.commit,
      }
    },
  })
}

function misfits({ format, options: given }: { format: Format; options: ConversionOptions }) {
  const isGiven = (name: string): name is keyof ConversionOptions => name in optionFormats
  const wrong = Object.entries(given)
    .filter(([name, value]) => value !== undefined && !(name === 'metadata' && value === 'strip'))
    .map(([name]) => name)
    .filter(isGiven)
    .filter((name) => !optionFormats[name].includes(format))
    .map((name) => ({
      path: ['options', name],
      message: `is for ${optionFormats[name].join(', ')}, not for ${format}`,
    }))
  const needsBoth = given.fit !== undefined && given.fit !== 'inside'
  if (!needsBoth || (given.width !== undefined && given.height !== undefined)) return wrong
  return [...wrong, { path: ['options', 'fit'], message: `"${given.fit}" needs both width and height` }]
}

function nameOfResult({ name }: FileRow, format: Format): { name: string; contentType: string } {
  const { extension, contentType } = formats[format]
  const stem = name.replace(/\.[A-Za-z0-9]{1,5}$/, '') || name
  return { name: `${stem}.${extension}`, contentType }
}
