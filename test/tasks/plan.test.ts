import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createBatchRequest } from '../../src/contract/task.ts'
import { AppError } from '../../src/errors.ts'
import { defineJob, registerJobs } from '../../src/tasks/define-job.ts'
import { planTasks, submittable } from '../../src/tasks/plan.ts'

const resize = defineJob({
  type: 'Resize',
  parameters: z.strictObject({
    fileId: z.uuid(),
    sizes: z.array(z.strictObject({ width: z.int().positive() })).optional(),
  }),
  results: z.object({}),
  run: async () => ({ kind: 'completed', results: {} }),
})
const upload = defineJob({
  type: 'Upload',
  isSubmittable: false,
  parameters: z.object({}),
  results: z.object({}),
  run: async () => ({ kind: 'completed', results: {} }),
})
const registry = registerJobs([resize, upload])

const fileId = '0198a3f2-7c44-7d1e-9b42-3f6f0c1d2e3f'
const uuidV7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const from = (taskId: string, path = 'fileId') => ({ $result: { taskId, path } })

const plan = (...tasks: Record<string, unknown>[]) =>
  planTasks(
    createBatchRequest.parse({ tasks: tasks.map((task) => ({ type: 'Resize', parameters: { fileId }, ...task })) })
      .tasks,
    registry,
    (index) => `tasks.${index}.`,
  )

function errorsOf(...tasks: Record<string, unknown>[]): unknown {
  try {
    plan(...tasks)
  } catch (error) {
    if (error instanceof AppError && error.code === 'VALIDATION_FAILED') return error.details?.['errors']
    throw error
  }
  return []
}

describe('planning the tasks of a request', () => {
  it('gives each an id of its own, in their order', () => {
    const ids = plan({}, {}, {}).map((task) => task.id)
    expect(new Set(ids).size).toBe(3)
    for (const id of ids) expect(id).toMatch(uuidV7)
  })

  it('puts ids where names within the request stood, each awaited task once', () => {
    const outside = randomUUID()
    const [first, second, third] = plan(
      { ref: 'one' },
      { ref: 'two', after: ['one', outside.toUpperCase()], parameters: { fileId: from('one') } },
      { after: ['two', 'two'], parameters: { fileId: from(outside) } },
    )
    expect(first?.after).toEqual([])
    expect(second?.after).toEqual([first?.id, outside])
    expect(second?.parameters).toEqual({ fileId: from(first?.id ?? '') })
    expect(third?.after).toEqual([second?.id, outside])
  })

  it('may name a task before it comes', () => {
    const [first, second] = plan({ after: ['later'] }, { ref: 'later' })
    expect(first?.after).toEqual([second?.id])
  })

  it('refuses a name that is used twice, and one that names nothing', () => {
    expect(errorsOf({ ref: 'one' }, { ref: 'one' })).toEqual([
      { field: 'tasks.1.ref', message: expect.stringContaining('one') },
    ])
    const [error] = z.array(z.object({ field: z.string(), message: z.string() })).parse(errorsOf({ after: ['nobody'] }))
    expect(error?.field).toBe('tasks.0.after')
    expect(error?.message).toContain('nobody')
    expect(errorsOf({ parameters: { fileId: from('nobody') } })).toHaveLength(1)
  })

  it.each([
    ['itself', [{ ref: 'a', after: ['a'] }], [0]],
    [
      'itself over others',
      [
        { ref: 'a', after: ['c'] },
        { ref: 'b', after: ['a'] },
        { ref: 'c', after: ['b'] },
      ],
      [0, 1, 2],
    ],
    [
      'itself by its parameters',
      [{}, { ref: 'a', after: ['b'] }, { ref: 'b', parameters: { fileId: from('a') } }],
      [1, 2],
    ],
  ])('refuses a task that waits for %s', (_, tasks, indexes) => {
    expect(errorsOf(...tasks)).toEqual(
      indexes.map((index) => ({ field: `tasks.${index}.after`, message: expect.stringContaining('wait') })),
    )
  })

  it('lets many wait for one and one for many', () => {
    const planned = plan(
      { ref: 'a' },
      { ref: 'b', after: ['a'] },
      { ref: 'c', after: ['a'] },
      { after: ['b', 'c', 'a'] },
    )
    expect(planned.map((task) => task.after.length)).toEqual([0, 1, 1, 3])
  })

  it('names every bad field of every task, those that are not known too', () => {
    const bad = { fileId: 'x', sizes: [{ width: 10 }, { width: 0, height: 1 }], more: 1 }
    const fields = z
      .array(z.object({ field: z.string() }))
      .parse(errorsOf({}, { parameters: bad }, { parameters: {} }))
      .map((error) => error.field)
    expect(fields.sort()).toEqual([
      'tasks.1.parameters.fileId',
      'tasks.1.parameters.more',
      'tasks.1.parameters.sizes.1.height',
      'tasks.1.parameters.sizes.1.width',
      'tasks.2.parameters.fileId',
    ])
  })

  it('checks the parameters beside a reference, but not what it will stand for', () => {
    const id = randomUUID()
    expect(errorsOf({ parameters: { fileId: from(id), sizes: from(id, 'sizes') } })).toEqual([])
    expect(errorsOf({ parameters: { fileId: from(id), sizes: [{ width: from(id, 'width') }] } })).toEqual([])
    expect(errorsOf({ parameters: { fileId: from(id), sizes: [{ width: 'wide' }] } })).toMatchObject([
      { field: 'tasks.0.parameters.sizes.0.width' },
    ])
    // A reference is no way to bring in a field that the type does not know.
    expect(errorsOf({ parameters: { fileId, more: from(id) } })).toMatchObject([{ field: 'tasks.0.parameters.more' }])
  })

  it('takes the types that can be submitted, and names them', () => {
    expect(submittable(registry)).toEqual(['Resize'])
    for (const type of ['Upload', 'Nothing']) {
      expect(errorsOf({ type })).toEqual([{ field: 'tasks.0.type', message: 'must be one of Resize' }])
    }
  })
})

it('says that there is no type to choose from when none is installed', () => {
  const { tasks } = createBatchRequest.parse({ tasks: [{ type: 'Resize' }] })
  const says = [{ field: 'type', message: 'no task type is installed; TASK_MODULES adds some' }]
  expect(() => planTasks(tasks, registerJobs([upload]), () => '')).toThrow(
    expect.objectContaining({ code: 'VALIDATION_FAILED', details: { errors: says } }),
  )
})
