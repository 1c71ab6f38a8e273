import { z } from 'zod'

/** Text that a ledger can hold: no NUL, no half of a surrogate pair. */
export const storableText = (maxCharacters: number) =>
  z
    .string()
    .min(1)
    .max(maxCharacters)
    .refine((text) => !text.includes('\0'), 'must not contain NUL')
    .refine((text) => text.isWellFormed(), 'must be well-formed Unicode')

/** A field that may be left out or be null, which mean the same. */
export const optional = <Schema extends z.ZodType>(schema: Schema) =>
  schema.nullish().transform((value) => value ?? undefined)

/** A yes or no in a query. */
export const flag = z.stringbool({ truthy: ['true'], falsy: ['false'] }).meta({ enum: ['true', 'false'] })

/** Which part of a list a query asks for. */
export const page = {
  offset: z.coerce.number().int().min(0).max(1_000_000).default(0),
  limit: z.coerce.number().int().min(1).max(200).default(50),
}

/** An id in an answer. Those of accounts are the token's word, and need not be of any version of UUID. */
export const id = z.guid()
/** A moment in an answer, always in UTC. */
export const instant = z.iso.datetime()
/** A number of things, or of bytes, in an answer. */
export const count = z.int().min(0)
