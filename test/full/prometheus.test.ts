import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { packageRoot } from '../../src/package-root.ts'
import { hasPrometheus, type Prometheus, startPrometheus } from '../support/prometheus.ts'
import { sdkUser } from '../support/sdk.ts'
import { openStage, type Stage } from '../support/stage.ts'
import { until } from '../support/system.ts'
import { withTestTypes } from '../support/tasks.ts'

const run = promisify(execFile)
const token = 'a-token-for-monitoring-alone'
const at = (path: string): string => join(packageRoot(), path)
const board = z.object({ panels: z.array(z.object({ targets: z.array(z.object({ expr: z.string() })).default([]) })) })

// On a machine of somebody's own it may be missing; in CI that is a failure.
const isLeftOut = process.env['CI'] !== 'true' && !(await hasPrometheus())

describe.skipIf(isLeftOut)('Prometheus', () => {
  let stage: Stage
  let prometheus: Prometheus
  let folder: string
  let monitoring: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'longshore-monitoring-'))
    monitoring = await readFile(at('docs/monitoring.md'), 'utf8')
    stage = await openStage({ env: { ...withTestTypes, METRICS_TOKEN: token, METRICS_PORT: '0' } })
    const line = await stage.system.workers[0]?.waitForLog((one) => one['msg'] === 'working')
    const hosts = [stage.system.urls[0] ?? '', String(line?.['metrics'])].map((url) => new URL(url).host)
    await writeFile(join(folder, 'token'), token)
    prometheus = await startPrometheus(settingsOf(monitoring, join(folder, 'token'), hosts))
  })
  afterAll(async () => {
    await prometheus?.close()
    await stage?.close()
    await rm(folder, { recursive: true, force: true })
  })

  it('takes the rules and the settings of the docs, and each alert fires when it is meant to and not before', async () => {
    expect((await run('promtool', ['check', 'rules', at('deploy/alerts.yaml')])).stdout).toMatch(/SUCCESS: \d+ rules/)
    const settings = join(folder, 'as-documented.yaml')
    await writeFile(settings, settingsOf(monitoring, join(folder, 'token'), ['127.0.0.1:1']))
    expect((await run('promtool', ['check', 'config', settings])).stdout).toContain('SUCCESS')
    const cases = at('test/fixtures/alerts.test.yaml')
    expect((await run('promtool', ['test', 'rules', cases])).stdout).toContain('SUCCESS')
    const tested = new Set((await readFile(cases, 'utf8')).match(/Longshore\w+/g))
    const rules = (await prometheus.rules()).map(({ name }) => name)
    expect(rules.filter((name) => !tested.has(name))).toEqual([])
  })

  it('has an answer to every query of the dashboard and of the signal to scale by', async () => {
    const user = await sdkUser()
    const client = user.open(stage.system.urls[0] ?? '')
    // Counters say something only once they rise, so it goes on until all of them were seen to.
    const over = new AbortController()
    const live = client.live()
    const busy = (async () => {
      while (!over.signal.aborted) {
        await client.upload(randomBytes(1000), { fileName: 'a.bin' })
        await client.tasks.run({ type: 'Echo' })
      }
    })()
    try {
      const { panels } = board.parse(JSON.parse(await readFile(at('deploy/grafana/longshore.json'), 'utf8')))
      const queries = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr))
      expect(queries.length).toBeGreaterThan(15)
      const [, signal = ''] = /^ +query: (.+)$/m.exec(monitoring) ?? []
      for (const query of [...queries, signal]) {
        const found = await until(async () => {
          const series = await prometheus.query(query)
          return series.some(({ value }) => Number.isFinite(value)) ? series : undefined
        }).catch((cause: unknown) => {
          throw new Error(`nothing comes of ${query}`, { cause })
        })
        // A quantile of what nothing was counted for lately is NaN, which is not drawn; the other series have to make sense.
        expect([query, found.filter(({ value }) => value < 0)]).toEqual([query, []])
      }
    } finally {
      over.abort()
      live.close()
      await busy
    }
  })

  it('counts for the signal what waits and what runs', async () => {
    const [, signal = ''] = /^ +query: (.+)$/m.exec(monitoring) ?? []
    const client = await stage.client()
    const wanted = 40
    for (let index = 0; index < wanted; index++) {
      await client.call('POST', '/api/tasks', { body: { type: 'Count', parameters: { to: 1_000_000 } } })
    }
    const counts = async () => ((await prometheus.query(signal))[0]?.value === wanted ? true : undefined)
    expect(await until(counts)).toBe(true)
  })

  it('knows that the workers are gone', async () => {
    expect((await prometheus.rules()).map(({ health }) => health)).not.toContain('err')
    for (const worker of stage.system.workers) {
      worker.kill('SIGKILL')
      await worker.exited
    }
    const bands = await until(async () => {
      const rule = (await prometheus.rules()).find(({ name }) => name === 'LongshoreNoWorkers')
      const told = rule?.alerts.map(({ labels }) => labels['band'] ?? '').sort() ?? []
      return told.length === 3 ? told : undefined
    }, 60_000)
    expect(bands).toEqual(['high', 'low', 'normal'])
  })
})

/** The settings that docs/monitoring.md has, for these targets, with the rules, and a look each half second. */
function settingsOf(monitoring: string, tokenPath: string, hosts: readonly string[]): string {
  const [, documented = ''] = /```yaml\n(scrape_configs:[\s\S]*?)```/.exec(monitoring) ?? []
  const settings = documented
    .replace('/etc/prometheus/longshore-token', tokenPath)
    .replace(/targets: \[.*\]/, `targets: ${JSON.stringify(hosts)}`)
  return `global: { scrape_interval: 500ms, evaluation_interval: 500ms }\nrule_files: [${at('deploy/alerts.yaml')}]\n${settings}`
}
