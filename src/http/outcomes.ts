import { z } from 'zod'
import type { AnswerHeader } from './headers.ts'
import type { Outcome } from './route.ts'

/** An answer in JSON. */
export function json(is: string, body: z.ZodType, ...headers: AnswerHeader[]): Outcome {
  return { is, body, headers }
}

/** A page of a list, with `X-Total`. */
export function page(is: string, item: z.ZodType): Outcome {
  return { is, body: z.array(item), headers: ['X-Total'] }
}

/** What was made, with `Location`. */
export function made(is: string, body: z.ZodType): Outcome {
  return { is, body, headers: ['Location'] }
}

/** An answer without content. */
export function empty(is: string, ...headers: AnswerHeader[]): Outcome {
  return { is, headers }
}

const validators = ['ETag', 'Last-Modified', 'Accept-Ranges', 'Content-Disposition'] as const

/** What `sendFile` answers with. */
export const contentAnswers = {
  200: { is: 'All its bytes, of the type that it was uploaded with.', types: ['*/*'], headers: [...validators] },
  206: {
    is: 'The ranges that were asked for; several as multipart/byteranges.',
    types: ['*/*'],
    headers: [...validators, 'Content-Range'],
  },
  302: { is: 'The pool itself has the bytes, there.', headers: ['Location'] },
  304: { is: 'It is what the caller has.', headers: ['ETag', 'Last-Modified'] },
} as const satisfies Record<number, Outcome>

/** What `sendFile` regards, and refuses with. */
export const contentRequest = {
  headers: ['Range', 'If-Range', 'If-Match', 'If-None-Match', 'If-Modified-Since', 'If-Unmodified-Since'],
  errors: ['FILE_NOT_FOUND', 'PRECONDITION_FAILED', 'RANGE_NOT_SATISFIABLE', 'STORAGE_UNAVAILABLE', 'POOL_NOT_FOUND'],
} as const
