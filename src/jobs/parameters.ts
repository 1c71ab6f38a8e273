import { z } from 'zod'

const mostFiles = 10_000

const uuid = z.uuid().toLowerCase()

/** The files that a task works on, each once. */
export const fileIds = z
  .array(uuid)
  .min(1)
  .max(mostFiles)
  .refine((ids) => new Set(ids).size === ids.length, { error: 'must name each file once' })
