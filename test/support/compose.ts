import { join } from 'node:path'
import { parse } from '@readme/openapi-parser'
import { z } from 'zod'
import { packageRoot } from '../../src/package-root.ts'

export const composePath = join(packageRoot(), 'deploy', 'compose.yaml')

const lasts = z.string().regex(/^\d+(?:ms|s|m)$/)
const words = z.array(z.string())
const healthcheck = z.union([
  z.strictObject({ disable: z.literal(true) }),
  z.strictObject({
    test: z.tuple([z.literal('CMD')]).rest(z.string()),
    interval: lasts,
    timeout: lasts,
    retries: z.number(),
  }),
])
const condition = z.enum(['service_started', 'service_healthy', 'service_completed_successfully'])
const service = z.strictObject({
  image: z.string(),
  build: z.strictObject({ context: z.string(), dockerfile: z.string() }).optional(),
  command: words.optional(),
  environment: z.record(z.string(), z.string()).default({}),
  ports: words.default([]),
  volumes: words.default([]),
  depends_on: z.record(z.string(), z.strictObject({ condition })).default({}),
  restart: z.enum(['no', 'always', 'on-failure', 'unless-stopped']).default('no'),
  stop_grace_period: lasts.optional(),
  healthcheck: healthcheck.optional(),
})
/** The words of the Compose specification that our file uses: one that is none of them is a slip. */
const compose = z.strictObject({
  name: z.string(),
  services: z.record(z.string(), z.preprocess(merged, service)),
  volumes: z.record(z.string(), z.null()),
})

export type Compose = z.output<typeof compose>
export type ComposeService = Compose['services'][string]

/** What deploy/compose.yaml says. Throws what is wrong with it as YAML, or as a Compose file. */
export async function readCompose(): Promise<Compose> {
  // Of the parser for API documents only the reading of YAML is used; merge keys (`<<`) are left to whoever asks.
  const document: Record<string, unknown> = { ...(await parse(composePath)) }
  const entries = Object.entries(document).filter(([name]) => !name.startsWith('x-'))
  return compose.parse(Object.fromEntries(entries))
}

function merged(given: unknown): unknown {
  const { '<<': below, ...own }: Record<string, unknown> = { ...Object(given) }
  return { ...Object(below), ...own }
}

/** Fills `${NAME:?}` and `${NAME:-usual}` in, as Compose does. Throws for one that has to be given and is not. */
export function interpolate(text: string, given: Readonly<Record<string, string>>): string {
  const filled = text.replaceAll(/\$\{(\w+):(\?|-([^}]*))\}/g, (_all, name: string, how: string, usual?: string) => {
    const value = given[name] || usual
    if (value === undefined || how === '?') {
      if (!given[name]) throw new Error(`${name} has to be given`)
    }
    return value ?? ''
  })
  if (filled.includes('$')) throw new Error(`not a variable that has to be given or has a usual value: ${text}`)
  return filled
}
