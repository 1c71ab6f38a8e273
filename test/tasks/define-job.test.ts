import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { openDatabase } from '../../src/db/connect.ts'
import { defineJob, registerJobs } from '../../src/tasks/define-job.ts'
import { silent } from '../support/ledger.ts'

const double = defineJob({
  type: 'Double',
  parameters: z.strictObject({ value: z.number() }),
  results: z.object({ value: z.number() }),
  maxAttempts: 3,
  run: async ({ value }) => ({ kind: 'completed', results: { value: 2 * value } }),
})

// Nothing here asks the ledger, so nobody connects to it.
const { sql } = openDatabase('postgres://nowhere.invalid/none', { name: 'none', maxConnections: 1 })
const context = {
  taskId: 't',
  accountId: 'a',
  permissions: [],
  epoch: 1,
  attempt: 1,
  progress: () => {},
  checkpoint: undefined,
  underClaim: () => Promise.reject(new Error('not asked for')),
  saveCheckpoint: async () => {},
  signal: new AbortController().signal,
  sql,
  log: silent,
}

describe('a job', () => {
  it('is given its parameters and gives its results, both checked', async () => {
    expect(await double.run({ value: 4 }, context)).toMatchObject({ kind: 'completed', results: { value: 8 } })
    await expect(double.run({ value: '4' }, context)).rejects.toThrow(/value/)
    await expect(double.run({ value: 4, more: 1 }, context)).rejects.toThrow(/more/)
    await expect(double.run({ value: Number.MAX_VALUE }, context)).rejects.toThrow(/value/)
  })

  it('that fails for good says so as task.failed unless it has a word of its own', async () => {
    const failure = {
      taskId: 't',
      accountId: 'a',
      permissions: [],
      name: 'n',
      type: 'Double',
      parameters: { value: 1 },
      errorMessage: 'no',
      failedAt: new Date(0),
    }
    expect(await double.failed(sql, failure)).toEqual({
      type: 'task.failed',
      data: { taskId: 't', name: 'n', type: 'Double', failedAt: '1970-01-01T00:00:00.000Z', errorMessage: 'no' },
    })
  })

  it('is given the checkpoint of an earlier run, unless that is of a kind it does not know', async () => {
    const seen: unknown[] = []
    const counting = defineJob({
      type: 'Counting',
      parameters: z.object({}),
      checkpoint: z.object({ at: z.int() }),
      results: z.object({}),
      run: async (_, { checkpoint }) => {
        seen.push(checkpoint)
        return { kind: 'completed', results: {} }
      },
    })
    for (const checkpoint of [undefined, { at: 3 }, { at: 'three' }]) await counting.run({}, { ...context, checkpoint })
    expect(seen).toEqual([undefined, { at: 3 }, undefined])
  })

  it('shows submitters what it takes, and says of each field what is wrong with it', () => {
    expect(double.schema).toMatchObject({ type: 'object', required: ['value'], additionalProperties: false })
    expect(double.check({ value: 4 })).toEqual([])
    expect(double.check({ value: '4', more: 1 }).map((issue) => issue.code)).toEqual([
      'invalid_type',
      'unrecognized_keys',
    ])
    expect(double).toMatchObject({ title: 'Double', isSubmittable: true, maxAttempts: 3 })
  })

  it('has one handler for its type', () => {
    expect([...registerJobs([double]).keys()]).toEqual(['Double'])
    expect(() => registerJobs([double, double])).toThrow('the task type Double is declared twice')
    expect(() => registerJobs([], [double, double])).toThrow('the task type Double is declared twice')
  })
})
