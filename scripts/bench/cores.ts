import type { OurStack } from './our-stack.ts'
import { shown } from './report.ts'
import { readUsage } from './usage.ts'

export type CoresUsed = { atMs: number; api?: number; Postgres?: number; 'clients and writer': number }

/** The CPU seconds of everybody so far, where they can be seen. */
export async function coresUsed({ api, postgresCpuSeconds }: OurStack): Promise<CoresUsed> {
  const [usage, postgres] = await Promise.all([readUsage(api.pid), postgresCpuSeconds()])
  const { user, system } = process.cpuUsage()
  return {
    atMs: performance.now(),
    ...(usage && { api: usage.cpuSeconds }),
    ...(postgres !== undefined && { Postgres: postgres }),
    'clients and writer': (user + system) / 1e6,
  }
}

/** How many cores each kept busy in between. */
export function sharesOf(before: CoresUsed, after: CoresUsed): string {
  const seconds = (after.atMs - before.atMs) / 1000
  const share = (name: 'api' | 'Postgres' | 'clients and writer'): string =>
    `${name === 'api' ? 'API' : name} ${shown(((after[name] ?? Number.NaN) - (before[name] ?? Number.NaN)) / seconds, 2)}`
  return `cores: ${(['api', 'Postgres', 'clients and writer'] as const).map(share).join(', ')}`
}
