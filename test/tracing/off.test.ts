import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createBatchRequest } from '../../src/contract/task.ts'
import { cancel, pause, resume, retry } from '../../src/tasks/control.ts'
import { registerJobs } from '../../src/tasks/define-job.ts'
import { submitTasks } from '../../src/tasks/submit.ts'
import { noTracing, type Span, type Tracing } from '../../src/tracing/tracing.ts'
import { silent } from '../support/ledger.ts'
import { completed, jobOf, openWorker, type TestWorker, testSealer } from '../support/worker.ts'

const calls: string[] = []

/** What stands in for traces when they are off, and notes what is asked of it. */
const noted: Tracing = {
  isOn: noTracing.isOn,
  begin: (of) => {
    calls.push('begin')
    const { within, end } = noTracing.begin(of)
    return { within: noting('within', within), end: noting('end', end) } satisfies Span
  },
  span: noting('span', noTracing.span),
  traceparent: noting('traceparent', noTracing.traceparent),
  close: noTracing.close,
}

function noting<Call extends (...given: never[]) => unknown>(name: string, call: Call): Call {
  return new Proxy(call, {
    apply: (target, self, given) => {
      calls.push(name)
      return Reflect.apply(target, self, given)
    },
  })
}

describe('traces that are off', () => {
  let worker: TestWorker
  beforeAll(async () => {
    worker = await openWorker({ tracing: noted })
  })
  afterAll(() => worker.close())

  /** What was called meanwhile, and what came of it. */
  async function during<Result>(work: () => Promise<Result>): Promise<[Result, string[]]> {
    calls.length = 0
    const result = await work()
    return [result, calls.splice(0)]
  }

  // docs/decisions/0032-traces-through-the-ledger.md has these figures.
  it('cost a run five calls of functions that do nothing, and a request that changes a task one or two', async () => {
    const accountId = randomUUID()
    const deps = {
      sql: worker.ledger.sql,
      signals: worker.signals,
      registry: registerJobs([jobOf(completed)]),
      dispatcher: { admit: () => {} },
      sealer: testSealer,
      taskLimits: { openPerAccount: 100 },
      tracing: noted,
      log: silent,
    }
    const { tasks: requests } = createBatchRequest.parse({ tasks: [{ type: 'Test' }, { type: 'Test' }] })
    const whose = { isAdmin: false, accountId, permissions: [] }
    const [tasks, creating] = await during(() =>
      submitTasks(deps, { ...whose, requests, keyed: undefined, path: () => '' }),
    )
    expect(creating).toEqual(['traceparent', 'span'])
    const [run = '', changed = ''] = tasks.map(({ id }) => id)
    expect((await during(() => worker.deliver(run, completed)))[1]).toEqual(['begin', 'within', 'span', 'span', 'end'])
    expect((await worker.ledger.task(run))['status']).toBe('Completed')
    const wanted = { taskId: changed, accountId }
    expect((await during(() => pause(deps, wanted)))[1]).toEqual(['span'])
    expect((await during(() => resume(deps, wanted)))[1]).toEqual(['traceparent', 'span'])
    expect((await during(() => cancel(deps, wanted)))[1]).toEqual(['span'])
    expect((await during(() => retry(deps, wanted)))[1]).toEqual(['traceparent', 'span'])
  })
})
