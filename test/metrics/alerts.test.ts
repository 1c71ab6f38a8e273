import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { packageRoot } from '../../src/package-root.ts'

const read = (path: string): Promise<string> => readFile(join(packageRoot(), path), 'utf8')

it('every alert is told in docs/monitoring.md, with what it means and what to do, and no other', async () => {
  const rules = [...(await read('deploy/alerts.yaml')).matchAll(/^ +- alert: (\w+)$/gm)].map(([, name]) => name)
  const rows = [...(await read('docs/monitoring.md')).matchAll(/^\| `(Longshore\w+)` +\| \S[^|]+\| \S[^|]+\|$/gm)]
  expect(rules.length).toBeGreaterThan(5)
  expect(rows.map(([, name]) => name)).toEqual(rules)
})
