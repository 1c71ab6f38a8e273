import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { packageRoot } from '../../src/package-root.ts'

const source = z.object({ type: z.literal('prometheus'), uid: z.string() })
const board = z.object({
  uid: z.string(),
  schemaVersion: z.number(),
  templating: z.object({ list: z.array(z.object({ name: z.string(), type: z.string(), query: z.string() })) }),
  panels: z.array(
    z.object({
      id: z.number(),
      title: z.string(),
      type: z.enum(['timeseries', 'stat', 'gauge', 'table']),
      datasource: source,
      gridPos: z.object({ x: z.number(), y: z.number(), w: z.number(), h: z.number() }),
      targets: z.array(z.object({ refId: z.string(), expr: z.string(), datasource: source.optional() })).min(1),
    }),
  ),
})

describe('the dashboard for Grafana', () => {
  it('has panels that can be told apart, beside each other, that ask the source which is chosen', async () => {
    const text = await readFile(join(packageRoot(), 'deploy', 'grafana', 'longshore.json'), 'utf8')
    const { panels, templating } = board.parse(JSON.parse(text))
    const [chosen] = templating.list
    expect(chosen).toMatchObject({ type: 'datasource', query: 'prometheus' })
    expect(panels.length).toBeGreaterThan(10)
    for (const part of ['id', 'title'] as const) {
      expect(new Set(panels.map((panel) => panel[part])).size).toBe(panels.length)
    }
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_none, cell) => `${x + (cell % w)} ${y + Math.floor(cell / w)}`),
    )
    expect(new Set(cells).size).toBe(cells.length)
    for (const { title, gridPos, datasource, targets } of panels) {
      expect([title, gridPos.x + gridPos.w <= 24]).toEqual([title, true])
      for (const one of [datasource, ...targets.map((target) => target.datasource ?? datasource)]) {
        expect([title, one.uid]).toEqual([title, `\${${chosen?.name}}`])
      }
      expect(new Set(targets.map(({ refId }) => refId)).size).toBe(targets.length)
    }
  })
})
