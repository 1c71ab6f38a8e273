import { parseArgs } from 'node:util'
import { z } from 'zod'
import { LaunchError } from './launch-error.ts'

const usage = 'Usage: npm run -s token -- --account <uuid> [--admin] [--days 30]'

const values = z.object({
  account: z.uuid({
    error: (issue) => (issue.input === undefined ? '--account is missing.' : '--account must be a UUID.'),
  }),
  admin: z.boolean().default(false),
  days: z.coerce
    .number('--days must be a number.')
    .positive('--days must be above 0.')
    .max(36_500, '--days must be at most 36500.')
    .default(30),
})

/** Reads the command line of the token script. Throws LaunchError, one line with the usage, when it is wrong. */
export function parseTokenArguments(args: string[]): z.infer<typeof values> {
  const parsed = values.safeParse(split(args))
  if (parsed.success) return parsed.data
  throw new LaunchError(`${parsed.error.issues[0]?.message} ${usage}`)
}

function split(args: string[]): unknown {
  try {
    return parseArgs({
      args,
      options: { account: { type: 'string' }, admin: { type: 'boolean' }, days: { type: 'string' } },
    }).values
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message.split(/\.\s/)[0] : String(cause)
    throw new LaunchError(`${problem}. ${usage}`, { cause })
  }
}
