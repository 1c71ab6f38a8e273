import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { errorStatus } from '../src/errors.ts'
import { packageRoot } from '../src/package-root.ts'

const read = (path: string): Promise<string> => readFile(join(packageRoot(), path), 'utf8')

describe('docs/errors.md', () => {
  it('has every code that an answer can carry, with its status, and no other', async () => {
    const [answers = ''] = (await read('docs/errors.md')).split('\n## Tasks that failed\n')
    const told = [...answers.matchAll(/^\| (\d{3}) +\| `([A-Z_]+)` +\| \S/gm)].map(([, status, code]) => [
      code,
      Number(status),
    ])
    expect(Object.fromEntries(told)).toEqual(errorStatus)
    expect(told).toHaveLength(Object.keys(errorStatus).length)
  })

  it('has every code that only a task can fail with', async () => {
    const [, tasks = ''] = (await read('docs/errors.md')).split('\n## Tasks that failed\n')
    const told = new Set([...tasks.matchAll(/^\| `([A-Z_]+)` +\| \S/gm)].map(([, code]) => code))
    const sources = await Promise.all(['src', 'workers'].map(sourcesIn))
    const failures = sources.join('\n').matchAll(/new (?:Permanent|ConversionError)\(\s*'([A-Z_]+)'/g)
    const codes = new Set([...failures].map(([, code]) => code).filter((code) => !(String(code) in errorStatus)))
    expect(codes.size).toBeGreaterThan(10)
    expect([...codes].filter((code) => !told.has(code))).toEqual([])
    const all = sources.join('\n')
    expect([...told].filter((code) => !all.includes(`'${code}'`))).toEqual([])
  })
})

async function sourcesIn(folder: string): Promise<string> {
  const names = (await readdir(join(packageRoot(), folder), { recursive: true })).filter((name) => name.endsWith('.ts'))
  return (await Promise.all(names.map((name) => read(join(folder, name))))).join('\n')
}
