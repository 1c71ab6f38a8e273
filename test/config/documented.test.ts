import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import type { z } from 'zod'
import { accessSettings } from '../../src/config/access.ts'
import { archiveSettings } from '../../src/config/archives.ts'
import { conversionSettings } from '../../src/config/conversion.ts'
import { limitSettings } from '../../src/config/limits.ts'
import { notifySettings } from '../../src/config/notify.ts'
import { processSettings } from '../../src/config/process.ts'
import { storageSettings } from '../../src/config/storage.ts'
import { taskSettings } from '../../src/config/tasks.ts'
import { tracingSettings } from '../../src/config/tracing.ts'
import { uploadSettings } from '../../src/config/uploads.ts'

it('the README has every setting, with its default where that is a number', async () => {
  const groups = [accessSettings, limitSettings, archiveSettings, conversionSettings, notifySettings, processSettings]
  const settings: Record<string, unknown> = Object.assign(
    {},
    ...groups,
    storageSettings,
    taskSettings,
    tracingSettings,
    uploadSettings,
  )
  const rows = (await readFile('README.md', 'utf8')).split('\n').filter((line) => line.startsWith('| `'))
  const told = new Map<string, string>()
  for (const row of rows) {
    const [, named = '', shown = ''] = row.split('|')
    const values = shown.split(', ')
    for (const [index, name] of named.split(',').entries()) {
      told.set(name.replace(/[`\s]/g, ''), (values[index] ?? '').replace(/[`\s]/g, ''))
    }
  }
  const names = Object.keys(settings)
  expect(names.filter((name) => !name.startsWith('OTEL_') && !told.has(name))).toEqual([])
  const traces = await readFile('docs/monitoring.md', 'utf8')
  expect(names.filter((name) => name.startsWith('OTEL_') && !traces.includes(name))).toEqual([])
  const defaults = names.flatMap((name) => {
    const usual = (settings[name] as z.ZodType).safeParse(undefined).data
    return typeof usual === 'number' && usual !== Number.MAX_SAFE_INTEGER ? [[name, String(usual)]] : []
  })
  expect(defaults.length).toBeGreaterThan(30)
  expect(defaults.map(([name = '']) => [name, told.get(name)])).toEqual(defaults)
})
