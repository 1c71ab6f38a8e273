import { z } from 'zod'

/** Every refusal. */
export const errorView = z
  .strictObject({
    code: z.string().describe('Stable: programs go by it.'),
    message: z.string().describe('For people.'),
    status: z.int().describe('The HTTP status.'),
    details: z
      .record(z.string(), z.unknown())
      .describe('What it takes to put it right; of VALIDATION_FAILED `errors`, each with `field` and `message`.'),
  })
  .meta({ id: 'Error' })
