import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { allSettings } from '../support/settings.ts'

it('the README has every setting, with its default where that is a number', async () => {
  const rows = (await readFile('README.md', 'utf8')).split('\n').filter((line) => line.startsWith('| `'))
  const told = new Map<string, string>()
  for (const row of rows) {
    const [, named = '', shown = ''] = row.split('|')
    const values = shown.split(', ')
    for (const [index, name] of named.split(',').entries()) {
      told.set(name.replace(/[`\s]/g, ''), (values[index] ?? '').replace(/[`\s]/g, ''))
    }
  }
  const names = Object.keys(allSettings)
  expect(names.filter((name) => !name.startsWith('OTEL_') && !told.has(name))).toEqual([])
  const traces = await readFile('docs/monitoring.md', 'utf8')
  expect(names.filter((name) => name.startsWith('OTEL_') && !traces.includes(name))).toEqual([])
  const defaults = names.flatMap((name) => {
    const usual = allSettings[name]?.safeParse(undefined).data
    return typeof usual === 'number' && usual !== Number.MAX_SAFE_INTEGER ? [[name, String(usual)]] : []
  })
  expect(defaults.length).toBeGreaterThan(30)
  expect(defaults.map(([name = '']) => [name, told.get(name)])).toEqual(defaults)
})
