import { describe, expect, it } from 'vitest'
import { findReferences, renameReferences, resolveReferences } from '../../src/tasks/references.ts'

const to = (taskId: string, path: string) => ({ $result: { taskId, path } })
const missing = ({ taskId, path }: { taskId: string; path: string }) => new Error(`${taskId} has no ${path}`)

describe('references to results', () => {
  const parameters = {
    file: to('a', 'fileId'),
    list: ['x', to('b', 'parts.1.id')],
    deep: { er: { still: to('a', 'n') } },
  }

  it('are found wherever they stand', () => {
    expect(findReferences(parameters)).toEqual([
      { at: ['file'], reference: { taskId: 'a', path: 'fileId' } },
      { at: ['list', 1], reference: { taskId: 'b', path: 'parts.1.id' } },
      { at: ['deep', 'er', 'still'], reference: { taskId: 'a', path: 'n' } },
    ])
  })

  it.each([
    ['text', '$result'],
    ['nothing', null],
    ['more than a reference', { ...to('a', 'b'), also: 1 }],
    ['one without a path', { $result: { taskId: 'a' } }],
    ['one whose task is a number', { $result: { taskId: 1, path: 'b' } }],
    ['a list', { $result: ['a', 'b'] }],
  ])('are no others: %s', (_, value) => {
    expect(findReferences({ value })).toEqual([])
    expect(resolveReferences({ value }, new Map(), missing)).toEqual({ value })
  })

  it('get other names without the parameters being changed', () => {
    const before = structuredClone(parameters)
    expect(renameReferences(parameters, (name) => name.toUpperCase())).toEqual({
      file: to('A', 'fileId'),
      list: ['x', to('B', 'parts.1.id')],
      deep: { er: { still: to('A', 'n') } },
    })
    expect(parameters).toEqual(before)
  })

  it('become what they stand for, whatever its kind', () => {
    const results = new Map<string, unknown>([
      ['a', { fileId: 'f', n: 0 }],
      ['b', { parts: [{ id: 1 }, { id: null }] }],
    ])
    expect(resolveReferences(parameters, results, missing)).toEqual({
      file: 'f',
      list: ['x', null],
      deep: { er: { still: 0 } },
    })
    expect(resolveReferences(to('b', 'parts'), results, missing)).toEqual([{ id: 1 }, { id: null }])
  })

  it.each([
    ['a task without results', 'z', 'fileId'],
    ['a field that is not there', 'a', 'other'],
    ['a field of a text', 'a', 'fileId.length'],
    ['a place beyond the end of a list', 'a', 'list.1'],
    ['a property of the list itself', 'a', 'list.length'],
    ['what every object inherits', 'a', 'constructor.name'],
    ['a prototype', 'a', '__proto__'],
  ])('to %s are an error', (_, taskId, path) => {
    const results = new Map([['a', { fileId: 'f', list: [1] }]])
    expect(() => resolveReferences({ value: to(taskId, path) }, results, missing)).toThrow(`${taskId} has no ${path}`)
  })

  it('are not looked for in what they stand for', () => {
    const results = new Map([['a', { again: to('a', 'again') }]])
    expect(resolveReferences({ value: to('a', 'again') }, results, missing)).toEqual({ value: to('a', 'again') })
  })
})
