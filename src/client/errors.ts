import type { TaskView } from '../contract/task.ts'

export type LongshoreErrorOptions = {
  /** The HTTP status; 0 when nothing was answered. */
  status?: number
  details?: Record<string, unknown>
  requestId?: string | undefined
  retryAfterSeconds?: number | undefined
  cause?: unknown
}

/**
 * What went wrong, as the server says it, or as the client found it. Branch on `code`, which is stable: the server's codes are in
 * docs/uploads.md and docs/tasks.md, the client's own ones in docs/sdk.md.
 */
export class LongshoreError extends Error {
  readonly code: string
  /** The HTTP status; 0 when nothing was answered. */
  readonly status: number
  /** What is needed to put it right. */
  readonly details: Record<string, unknown>
  /** The first field of the request that was wrong, if one was. */
  readonly field: string | undefined
  /** By which the server's log and audit trail name the request. */
  readonly requestId: string | undefined
  readonly retryAfterSeconds: number | undefined

  constructor(code: string, message: string, options: LongshoreErrorOptions = {}) {
    super(message, { cause: options.cause })
    this.name = 'LongshoreError'
    this.code = code
    this.status = options.status ?? 0
    this.details = options.details ?? {}
    this.field = fieldOf(this.details)
    this.requestId = options.requestId
    this.retryAfterSeconds = options.retryAfterSeconds
  }
}

/** A task that `run` waited for ended otherwise than completed. `code` is the task's own `errorCode`, or `TASK_CANCELLED` and the like. */
export class TaskFailed extends LongshoreError {
  readonly task: TaskView

  constructor(task: TaskView) {
    const code = task.errorCode ?? `TASK_${task.status.toUpperCase()}`
    const why = task.errorMessage ?? task.statusMessage
    super(code, `The task "${task.name}" is ${task.status.toLowerCase()}${why === null ? '.' : `: ${why}`}`, {
      details: { taskId: task.taskId, status: task.status },
    })
    this.name = 'TaskFailed'
    this.task = task
  }
}

/** Makes an error of a refusal. Never throws: what is no error of ours becomes `HTTP_502` and the like. */
export async function errorOf(response: Response): Promise<LongshoreError> {
  const body = await response.text().then(readRefusal, () => undefined)
  const message = body?.message ?? `The server answered ${response.status} ${response.statusText}`.trim()
  return new LongshoreError(body?.code ?? `HTTP_${response.status}`, message, {
    status: response.status,
    details: body?.details ?? {},
    requestId: response.headers.get('X-Request-Id') ?? undefined,
    retryAfterSeconds: retryAfterOf(response.headers.get('Retry-After')),
  })
}

type Refusal = { code: string; message: string; details: Record<string, unknown> }

function readRefusal(text: string): Refusal | undefined {
  try {
    const body: unknown = JSON.parse(text)
    return refusalIn(body)
  } catch {
    return undefined
  }
}

/** The `{ code, message, details }` of an answer or packet, if that is what it is. */
export function refusalIn(body: unknown): Refusal | undefined {
  if (!isRecord(body) || typeof body['code'] !== 'string') return undefined
  const message = typeof body['message'] === 'string' ? body['message'] : body['code']
  return { code: body['code'], message, details: isRecord(body['details']) ? body['details'] : {} }
}

function retryAfterOf(field: string | null): number | undefined {
  if (field === null) return undefined
  if (/^\d+$/.test(field)) return Number(field)
  const at = Date.parse(field)
  return Number.isNaN(at) ? undefined : Math.max(0, Math.ceil((at - Date.now()) / 1000))
}

function fieldOf(details: Record<string, unknown>): string | undefined {
  const { errors, field } = details
  const first: unknown = Array.isArray(errors) ? errors[0] : { field }
  return isRecord(first) && typeof first['field'] === 'string' ? first['field'] : undefined
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
