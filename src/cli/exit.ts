import { LongshoreError } from '../client/node.ts'

/** What a command ends with, for scripts to branch on. docs/cli.md has the same table. */
export const exitCodes = {
  done: 0,
  /** Something was refused or failed, a task among them. */
  failed: 1,
  /** The command line makes no sense, or a field of it was refused. */
  usage: 2,
  /** Not signed in, or not allowed to. */
  denied: 3,
  notFound: 4,
  unreachable: 5,
  interrupted: 130,
} as const

/** The command line makes no sense. */
export class UsageError extends Error {}

/** Ctrl-C, as the reason of the signal that it fires. */
export class Interrupted extends Error {}

export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return exitCodes.usage
  if (error instanceof Interrupted) return exitCodes.interrupted
  if (!(error instanceof LongshoreError)) return exitCodes.failed
  if (error.code === 'NETWORK') return exitCodes.unreachable
  if (error.code === 'VALIDATION_FAILED') return exitCodes.usage
  if (error.status === 401 || error.status === 403) return exitCodes.denied
  return error.status === 404 ? exitCodes.notFound : exitCodes.failed
}
