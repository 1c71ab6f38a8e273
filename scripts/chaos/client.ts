import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { signToken } from '../../src/auth/token.ts'
import { ChaosError } from './chaos-error.ts'
import type { Random } from './random.ts'
import type { Stack } from './stack.ts'
import { pause } from './wait.ts'

export type Wish = { workMs: number; priority: number; gate?: string }

/** What clients have learnt: a task counts as acknowledged once a 201 with its id has arrived. */
export type Tally = { acknowledged: Set<string>; requests: number; repeated: number }

/** A good client of one account. */
export type Client = {
  account: string
  /**
   * Creates tasks in one request, as a batch when there are several. What breaks off or is unavailable is asked for again
   * with the same Idempotency-Key. Throws ChaosError on an answer that no good client should get, or after a minute.
   */
  create: (wishes: readonly Wish[]) => Promise<string[]>
  /** The same without a second try, and how long the answer took. */
  createAtOnce: (wish: Wish) => Promise<{ taskId: string; tookMs: number }>
  /** Pauses, resumes or cancels a task, unless that can be done no longer. Asked again as `create` is. */
  tell: (taskId: string, verb: 'pause' | 'resume' | 'cancel') => Promise<void>
  /** Pauses or resumes a band, as an admin. */
  changeBand: (band: string, verb: 'pause' | 'resume') => Promise<void>
}

export type ClientOptions = { stack: Stack; tally: Tally; random: Random; signal: AbortSignal }

const insistForMs = 60_000
const answerWithinMs = 10_000

export async function openClient({ stack, tally, random, signal }: ClientOptions): Promise<Client> {
  const admin = { account: randomUUID(), admin: true, expiresInSeconds: 24 * 3600 }
  const authorization = `Bearer ${await signToken(stack.secret, admin)}`
  const somewhere = (): string => stack.apis[random.whole(0, stack.apis.length - 1)]?.url() ?? ''
  const post = (path: string, body: unknown, key: string): Promise<Answer | undefined> => {
    tally.requests++
    const headers = { authorization, 'content-type': 'application/json', 'idempotency-key': key }
    return answered(`${somewhere()}${path}`, { method: 'POST', headers, body: JSON.stringify(body) }, signal)
  }
  const acknowledge = (taskIds: string[]): string[] => {
    for (const taskId of taskIds) tally.acknowledged.add(taskId)
    return taskIds
  }
  /** Asks until the answer is neither missing nor "unavailable". */
  const insist = async (path: string, body: unknown): Promise<Answer> => {
    const key = randomUUID()
    const end = performance.now() + insistForMs
    for (;;) {
      const answer = await post(path, body, key)
      if (answer !== undefined && answer.status !== 503) return answer
      if (performance.now() > end) throw new ChaosError(`nothing came of ${path} for a minute: ${shown(answer)}`)
      tally.repeated++
      await pause(50, signal)
    }
  }
  return {
    account: admin.account,
    create: async (wishes) => {
      const { path, body } = requestFor(wishes)
      const answer = await insist(path, body)
      if (answer.status !== 201) throw unexpected(answer)
      return acknowledge(taskIdsIn(answer))
    },
    tell: async (taskId, verb) => {
      const answer = await insist(`/api/tasks/${taskId}/${verb}`, undefined)
      if (answer.status >= 300 && answer.status !== 409) throw unexpected(answer)
    },
    createAtOnce: async (wish) => {
      const { path, body } = requestFor([wish])
      const startedMs = performance.now()
      const answer = await post(path, body, randomUUID())
      const tookMs = performance.now() - startedMs
      if (answer?.status !== 201) throw unexpected(answer)
      return { taskId: acknowledge(taskIdsIn(answer))[0] ?? '', tookMs }
    },
    changeBand: async (band, verb) => {
      const answer = await post(`/api/admin/bands/${band}/${verb}`, undefined, randomUUID())
      if (answer === undefined || answer.status >= 300) throw unexpected(answer)
    },
  }
}

type Answer = { status: number; text: string }

/** Undefined when no whole answer came: the request may have been done or not. */
async function answered(url: string, request: RequestInit, signal: AbortSignal): Promise<Answer | undefined> {
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(answerWithinMs)])
    const response = await fetch(url, { ...request, signal: limit })
    return { status: response.status, text: await response.text() }
  } catch {
    signal.throwIfAborted()
    return undefined
  }
}

function requestFor(wishes: readonly Wish[]): { path: string; body: unknown } {
  const tasks = wishes.map(({ priority, ...parameters }) => ({ type: 'ChaosAppend', parameters, priority }))
  return tasks.length === 1 ? { path: '/api/tasks', body: tasks[0] } : { path: '/api/tasks/batch', body: { tasks } }
}

const oneTask = z.object({ taskId: z.string() })
const created = z.union([z.object({ tasks: z.array(oneTask) }), oneTask])

function taskIdsIn({ text }: Answer): string[] {
  const answer = created.parse(JSON.parse(text))
  return 'tasks' in answer ? answer.tasks.map((task) => task.taskId) : [answer.taskId]
}

function unexpected(answer: Answer | undefined): ChaosError {
  return new ChaosError(`a client was answered what no good client should get: ${shown(answer)}`)
}

function shown(answer: Answer | undefined): string {
  return answer === undefined ? 'no answer' : `${answer.status} ${answer.text.slice(0, 200)}`
}
