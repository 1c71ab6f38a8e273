import { z } from 'zod'
import type { TaskEvent } from '../contract/event.ts'
import type { Query, Sql } from '../db/connect.ts'
import type { Log } from '../log.ts'

/** What a run of a job is given: all that belongs to this claim of this task, and nothing more. */
export type JobContext<Checkpoint = unknown> = {
  taskId: string
  accountId: string
  /** Those of its creator's token that a pool asks for; `*` for an administrator's. */
  permissions: readonly string[]
  /** Number of this claim; part of the name of everything that the run writes. */
  epoch: number
  /** Which attempt this is, from 1. */
  attempt: number
  /** Fires when the run must stop; its reason is a StopReason. The run then saves its checkpoint and returns or throws. */
  signal: AbortSignal
  /** Says how far the run is, in percent. Costs nothing: it is told a few times a second at most. */
  progress: (percent: number, message?: string) => void
  /** What an earlier claim saved last, if anything. */
  checkpoint: Checkpoint | undefined
  /**
   * Saves where the run has come to; resolves when it is kept, with a query of `underClaim` together with what that does.
   * Works until the claim is released, also after the signal.
   */
  saveCheckpoint: (checkpoint: Checkpoint, query?: Query) => Promise<void>
  /**
   * Runs a transaction whose effects are to stay before the task ends, under the check of the epoch. Throws StopReason when
   * the claim is lost; nothing is kept then.
   */
  underClaim: <Answer>(work: (query: Query) => Promise<Answer>) => Promise<Answer>
  sql: Sql
  log: Log
}

/** Why a run must stop: somebody paused, cancelled or outwaited the task, its claim is lost, or its worker shuts down. */
export type StopCause = 'paused' | 'cancelled' | 'expired' | 'lost' | 'shutdown'

/** The reason of a run's AbortSignal. */
export class StopReason extends Error {
  readonly why: StopCause

  constructor(why: StopCause) {
    super(`the run was stopped: ${why}`)
    this.name = 'StopReason'
    this.why = why
  }
}

/** An error that no retry can mend. Code and message are shown to the task's owner. */
export class Permanent extends Error {
  readonly code: string

  constructor(code: string, message: string, options: ErrorOptions = {}) {
    super(message, options)
    this.name = 'Permanent'
    this.code = code
  }
}

/**
 * What a run came to. `commit` runs inside the transaction of the state change, under the check of the epoch: its
 * effects, the change and the event are kept together or not at all; `after` runs once they are kept. `parked` gives the
 * worker back without an end: the task goes on when somebody asks for it.
 */
export type JobOutcome<Results> =
  | {
      kind: 'completed'
      results: Results
      commit?: (query: Query) => Promise<void>
      after?: () => Promise<void>
      /** The end's event where it is not `task.completed`. */
      event?: (endedAt: Date) => TaskEvent
    }
  | { kind: 'parked'; commit: (query: Query) => Promise<void> }

export type TaskFacts = { taskId: string; accountId: string; name: string; type: string }
export type JobFailure<Parameters> = TaskFacts & { parameters: Parameters; errorMessage: string; failedAt: Date }

/** What a type does beside running, inside the transactions of the verbs on its tasks. */
export type JobHooks<Parameters> = {
  /** The task failed for good: clears up and names the event. */
  failed?: (query: Query, failure: JobFailure<Parameters>) => Promise<TaskEvent>
  /** The task was cancelled or has expired: clears up; what it answers runs after the commit. */
  stopped?: (query: Query, task: TaskFacts) => Promise<() => Promise<void>>
  /** Whether a resumed task wants a worker. */
  wantsWorker?: (query: Query, task: TaskFacts) => Promise<boolean>
  /** Throws when the task cannot be tried again. */
  retried?: (query: Query, task: TaskFacts) => Promise<void>
}

/** One task type, as its file declares it. */
export type JobDefinition<Parameters, Checkpoint, Results extends Record<string, unknown>> = JobHooks<Parameters> & {
  type: string
  /** The name of a task that was given none. */
  title?: string
  parameters: z.ZodType<Parameters>
  /** Names of parameters that nobody may read: they are sealed, given to the run, and erased when the task has ended. */
  secrets?: readonly string[]
  checkpoint?: z.ZodType<Checkpoint>
  /** By parameter, the values that this process can do, where that depends on what is installed beside it. */
  offers?: Record<string, readonly string[]>
  results: z.ZodType<Results>
  /** How often a failing run is tried in all; a Permanent error is not retried. 5 unless said otherwise. */
  maxAttempts?: number
  /** Whether only an administrator may create such a task. The parameters are as they came, with references in them. */
  needsAdmin?: (parameters: Record<string, unknown>) => boolean
  /** False for a type whose tasks are made by an endpoint of their own. */
  isSubmittable?: boolean
  run: (parameters: Parameters, context: JobContext<Checkpoint>) => Promise<JobOutcome<Results>>
}

/** A task type as the machinery sees it, its own types closed over. */
export type Job = Required<JobHooks<unknown>> & {
  type: string
  title: string
  maxAttempts: number
  isSubmittable: boolean
  secrets: readonly string[]
  offers: Record<string, readonly string[]> | undefined
  needsAdmin: (parameters: Record<string, unknown>) => boolean
  /** JSON Schema of what a submitter may send. */
  schema: Record<string, unknown>
  /** What is wrong with parameters: one entry per field, none when they fit. */
  check: (parameters: unknown) => z.core.$ZodIssue[]
  /** Checks the stored parameters, runs, and checks the results. Throws what the run threw. */
  run: (parameters: unknown, context: JobContext) => Promise<JobOutcome<Record<string, unknown>>>
}

const defaultMaxAttempts = 5

/** Declares a task type; its schemas give `run` its types. */
export function defineJob<Parameters, Checkpoint, Results extends Record<string, unknown>>(
  definition: JobDefinition<Parameters, Checkpoint, Results>,
): Job {
  const { type, parameters: schema, failed } = definition
  return {
    type,
    title: definition.title ?? type,
    maxAttempts: definition.maxAttempts ?? defaultMaxAttempts,
    isSubmittable: definition.isSubmittable ?? true,
    secrets: definition.secrets ?? [],
    offers: definition.offers,
    schema: z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }),
    check: (parameters) => schema.safeParse(parameters).error?.issues ?? [],
    needsAdmin: definition.needsAdmin ?? (() => false),
    run: (parameters, context) => run(definition, parameters, context),
    failed: async (query, failure) =>
      failed ? failed(query, { ...failure, parameters: schema.parse(failure.parameters) }) : taskFailed(failure),
    stopped: definition.stopped ?? (async () => async () => {}),
    wantsWorker: definition.wantsWorker ?? (async () => true),
    retried: definition.retried ?? (async () => {}),
  }
}

async function run<Parameters, Checkpoint, Results extends Record<string, unknown>>(
  definition: JobDefinition<Parameters, Checkpoint, Results>,
  parameters: unknown,
  context: JobContext,
): Promise<JobOutcome<Record<string, unknown>>> {
  const parsed = definition.parameters.safeParse(parameters)
  if (!parsed.success) throw new Permanent('PARAMETERS_INVALID', z.prettifyError(parsed.error))
  // A checkpoint of another version of the job is as good as none.
  const checkpoint = definition.checkpoint?.safeParse(context.checkpoint).data
  const outcome = await definition.run(parsed.data, { ...context, checkpoint })
  if (outcome.kind === 'parked') return outcome
  const results = definition.results.safeParse(outcome.results)
  if (results.success) return { ...outcome, results: results.data }
  throw new Permanent('RESULTS_INVALID', `The results do not fit their schema: ${z.prettifyError(results.error)}`)
}

function taskFailed({ taskId, name, type, failedAt, errorMessage }: JobFailure<unknown>): TaskEvent {
  return { type: 'task.failed', data: { taskId, name, type, failedAt: failedAt.toISOString(), errorMessage } }
}

export type Registry = ReadonlyMap<string, Job>

/** What this process can do of each type that depends on what is installed. */
export function offersOf(registry: Registry): Record<string, Record<string, readonly string[]>> {
  const offers = [...registry.values()].map(({ type, offers: ofType }) => [type, ofType] as const)
  return Object.fromEntries(offers.flatMap(([type, ofType]) => (ofType === undefined ? [] : [[type, ofType]])))
}

/** The task types by name, an app's own after ours. Throws when two declare the same one, so none can take another's place. */
export function registerJobs(jobs: readonly Job[], custom: readonly Job[] = []): Registry {
  const registry = new Map<string, Job>()
  const ours = new Set(jobs.map((job) => job.type))
  for (const job of [...jobs, ...custom]) {
    if (registry.has(job.type)) throw new Error(declaredTwice(job.type, custom.includes(job) && ours.has(job.type)))
    registry.set(job.type, job)
  }
  return registry
}

function declaredTwice(type: string, isOurs: boolean): string {
  return isOurs
    ? `TASK_MODULES: ${type} is a task type of Longshore itself; give yours another name`
    : `the task type ${type} is declared twice`
}
