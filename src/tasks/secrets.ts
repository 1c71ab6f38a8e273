import { z } from 'zod'
import type { Sealer } from '../auth/seal.ts'
import type { Query } from '../db/connect.ts'
import { disownOutputs } from '../db/outputs.ts'
import { eraseEndedSecrets, eraseSecrets, findSecrets, putSecrets } from '../db/secrets.ts'
import { AppError } from '../errors.ts'
import { type Job, Permanent } from './define-job.ts'

type Parameters = Record<string, unknown>

/** How long the secrets of a failed task are kept, so that it can be tried again without them. */
const failedMs = 24 * 3_600_000

/** A task's parameters as they may be kept and shown, and those that may not. */
export function splitSecrets(
  job: Pick<Job, 'secrets'>,
  parameters: Parameters,
): { open: Parameters; secret: Parameters } {
  const isSecret = ([name]: [string, unknown]): boolean => job.secrets.includes(name)
  const entries = Object.entries(parameters)
  return {
    open: Object.fromEntries(entries.filter((entry) => !isSecret(entry))),
    secret: Object.fromEntries(entries.filter(isSecret)),
  }
}

/** Seals a task's secrets, in the transaction that writes the task. Throws SECRETS_UNAVAILABLE when there is no key. */
export async function keepSecrets(
  query: Query,
  sealer: Sealer | undefined,
  taskId: string,
  secret: Parameters,
): Promise<void> {
  if (Object.keys(secret).length === 0) return
  if (!sealer) {
    throw new AppError('SECRETS_UNAVAILABLE', 'This server has no SECRETS_KEYS, so it cannot keep a password.', {
      details: { fields: Object.keys(secret) },
    })
  }
  await putSecrets(query, taskId, sealer.seal(taskId, JSON.stringify(secret)))
}

/** What was sealed for a task. Throws Permanent SECRET_REQUIRED when it was erased, SECRET_LOST when its key is gone. */
export async function openSecrets(query: Query, sealer: Sealer | undefined, taskId: string): Promise<Parameters> {
  const sealed = await findSecrets(query, taskId)
  if (!sealed) throw new Permanent('SECRET_REQUIRED', 'The password of this task was erased; retry it with a new one.')
  try {
    if (!sealer) throw new Error('This server has no SECRETS_KEYS.')
    return z.record(z.string(), z.unknown()).parse(JSON.parse(sealer.open(taskId, sealed)))
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : ''
    throw new Permanent('SECRET_LOST', `The password of this task cannot be read. ${why}`, { cause })
  }
}

/**
 * Sees to it that a task which is tried again has its secrets: those that are still kept, or those brought now. Throws
 * SECRET_REQUIRED, and VALIDATION_FAILED for what is not a secret of the type.
 */
export async function renewSecrets(
  query: Query,
  sealer: Sealer | undefined,
  task: { id: string; hasSecrets: boolean },
  { job, brought }: { job: Pick<Job, 'secrets'>; brought: Parameters },
): Promise<void> {
  const wrong = Object.keys(brought).filter((name) => !job.secrets.includes(name))
  if (wrong.length > 0) {
    const errors = wrong.map((name) => ({ field: `parameters.${name}`, message: 'cannot be changed by a retry' }))
    throw new AppError('VALIDATION_FAILED', 'The request is not valid.', { details: { errors } })
  }
  if (Object.keys(brought).length > 0) {
    // What was made with the former ones is not what is wanted now.
    await disownOutputs(query, task.id)
    return keepSecrets(query, sealer, task.id, brought)
  }
  if (!task.hasSecrets || (await findSecrets(query, task.id))) return
  throw new AppError('SECRET_REQUIRED', 'The password of this task was erased; send it again in `parameters`.', {
    details: { taskId: task.id, fields: job.secrets },
  })
}

/** Erases a task's secrets in the transaction that ends it. */
export async function forgetSecrets(query: Query, taskId: string): Promise<void> {
  await eraseSecrets(query, taskId)
}

/** Erases what should not be kept any longer. Answers how many tasks had something. */
export async function sweepSecrets(query: Query): Promise<number> {
  return eraseEndedSecrets(query, failedMs)
}
