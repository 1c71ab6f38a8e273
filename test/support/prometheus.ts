import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { z } from 'zod'
import { freePorts } from './redis-server.ts'
import { until } from './system.ts'

/** A Prometheus of the test's own. */
export type Prometheus = {
  /** The series that a query has at the moment. Throws what Prometheus has against the query. */
  query: (expression: string) => Promise<{ metric: Record<string, string>; value: number }[]>
  /** The rules that it has loaded, each with how it stands. */
  rules: () => Promise<Rule[]>
  close: () => Promise<void>
}

export type Rule = { name: string; health: string; state: string; alerts: { labels: Record<string, string> }[] }

const answered = z.discriminatedUnion('status', [
  z.object({ status: z.literal('success'), data: z.unknown() }),
  z.object({ status: z.literal('error'), error: z.string() }),
])
const vector = z.object({
  result: z.array(z.object({ metric: z.record(z.string(), z.string()), value: z.tuple([z.number(), z.string()]) })),
})
const alerts = z.array(z.object({ labels: z.record(z.string(), z.string()) }))
const groups = z.object({
  groups: z.array(
    z.object({
      rules: z.array(
        z.object({ name: z.string(), health: z.string(), state: z.string().default(''), alerts: alerts.default([]) }),
      ),
    }),
  ),
})

/** Whether this machine has Prometheus and its promtool. */
export async function hasPrometheus(): Promise<boolean> {
  try {
    await Promise.all(['promtool', 'prometheus'].map((name) => promisify(execFile)(name, ['--version'])))
    return true
  } catch {
    return false
  }
}

/** Starts Prometheus with a configuration, and waits until it has looked at each of its targets. */
export async function startPrometheus(config: string): Promise<Prometheus> {
  const folder = await mkdtemp(join(tmpdir(), 'longshore-prometheus-'))
  await writeFile(join(folder, 'prometheus.yaml'), config)
  const [port] = await freePorts(1)
  const child = spawn(
    'prometheus',
    [
      `--config.file=${join(folder, 'prometheus.yaml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { stdio: 'ignore' },
  )
  const ended = once(child, 'exit')
  const ask = async (path: string): Promise<unknown> => {
    const answer = answered.parse(await (await fetch(`http://127.0.0.1:${port}/api/v1/${path}`)).json())
    if (answer.status === 'error') throw new Error(answer.error)
    return answer.data
  }
  const prometheus: Prometheus = {
    query: async (expression) => {
      const { result } = vector.parse(await ask(`query?query=${encodeURIComponent(expression)}`))
      return result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }))
    },
    rules: async () => groups.parse(await ask('rules')).groups.flatMap(({ rules }) => rules),
    close: async () => {
      child.kill('SIGKILL')
      await ended
      await rm(folder, { recursive: true, force: true })
    },
  }
  await until(async () => {
    const targets = await prometheus.query('up').catch(() => [])
    return targets.length > 0 && targets.every(({ value }) => value === 1) ? true : undefined
  })
  return prometheus
}
