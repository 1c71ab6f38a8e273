import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config.ts'
import { bands } from '../../src/contract/task.ts'
import { packageRoot } from '../../src/package-root.ts'
import { readWorkerOptions } from '../../workers/options.ts'
import { type Compose, type ComposeService, composePath, interpolate, readCompose } from '../support/compose.ts'
import { allSettings } from '../support/settings.ts'

const given = {
  AUTH_JWT_SECRET: 'a'.repeat(64),
  SECRETS_KEYS: Buffer.alloc(32, 1).toString('base64'),
  POSTGRES_PASSWORD: 'b'.repeat(32),
  S3_SECRET: 'c'.repeat(32),
}

describe('compose.yaml', () => {
  let compose: Compose
  let ours: [string, ComposeService][]
  beforeAll(async () => {
    compose = await readCompose()
    ours = Object.entries(compose.services).filter(([, { image }]) => image === 'longshore')
  })

  const envOf = ({ environment }: ComposeService, variables: Record<string, string> = given): Record<string, string> =>
    Object.fromEntries(Object.entries(environment).map(([name, text]) => [name, interpolate(text, variables)]))

  it('wants given what its first lines give, and nothing else', async () => {
    const text = await readFile(composePath, 'utf8')
    const [command = ''] = text.split('\nname:')
    const shown = [...command.matchAll(/(\w+)=\$\(openssl/g)].map(([, name]) => name ?? '')
    const wanted = [...new Set([...text.matchAll(/\$\{(\w+):\?\}/g)].map(([, name]) => name ?? ''))].sort()
    expect(shown.sort()).toEqual(wanted)
    expect(Object.keys(given).sort()).toEqual(wanted)
    for (const service of Object.values(compose.services)) envOf(service)
  })

  it('gives our processes settings that they have and take, with a pool whose credentials are among them', () => {
    expect(ours.map(([name]) => name)).toEqual(['migrate', 'web', 'worker-high', 'worker'])
    for (const [, service] of ours) {
      const env = envOf(service)
      const { declared, defaultPoolId } = loadConfig(env).storage
      const credentials = Object.keys(env).filter((name) => name.startsWith('S3_'))
      expect(Object.keys(env).filter((name) => !(name in allSettings))).toEqual(credentials)
      expect(declared).toMatchObject([{ id: defaultPoolId, kind: 's3' }])
      expect(JSON.stringify(declared)).toContain(
        '"credentials":{"accessKeyId":"S3_KEY_ID","secretAccessKey":"S3_SECRET"}',
      )
      expect(credentials).toEqual(['S3_KEY_ID', 'S3_SECRET'])
      expect(env).toEqual(envOf(ours[0]?.[1] ?? service))
    }
    const watched = { ...given, METRICS_TOKEN: 'a-token-for-monitoring', METRICS_PORT: '9100' }
    for (const [, service] of ours) {
      expect(loadConfig(envOf(service, watched)).metrics).toEqual({ token: watched.METRICS_TOKEN, workerPort: 9100 })
    }
  })

  it('sends them to services that are there, by the passwords that these have', () => {
    const { postgres, s3, bucket } = compose.services
    for (const [, service] of ours) {
      const { DATABASE_URL = '', REDIS_URL = '', STORAGE_POOLS = '', S3_KEY_ID, S3_SECRET } = envOf(service)
      const database = new URL(DATABASE_URL)
      const server = envOf(postgres ?? service)
      expect([database.username, database.password, database.pathname.slice(1)]).toEqual([
        server['POSTGRES_USER'],
        server['POSTGRES_PASSWORD'],
        server['POSTGRES_DB'],
      ])
      const [, store = ''] = /"endpoint": "([^"]+)"/.exec(STORAGE_POOLS) ?? []
      for (const address of [DATABASE_URL, REDIS_URL, store]) {
        expect(Object.keys(compose.services)).toContain(new URL(address).hostname)
      }
      const { MINIO_ROOT_USER, MINIO_ROOT_PASSWORD } = envOf(s3 ?? service)
      expect([S3_KEY_ID, S3_SECRET]).toEqual([MINIO_ROOT_USER, MINIO_ROOT_PASSWORD])
      expect(envOf(bucket ?? service)['MC_HOST_store']).toBe(store.replace('//', `//${S3_KEY_ID}:${S3_SECRET}@`))
      const [, kept = ''] = /"bucket": "([^"]+)"/.exec(STORAGE_POOLS) ?? []
      expect(bucket?.command).toContain(`store/${kept}`)
    }
  })

  it('runs programs that there are, and a worker for every band', () => {
    const served = new Set<string>()
    for (const [name, { command, stop_grace_period: grace }] of ours) {
      if (command === undefined) continue
      const [node, program = '', ...args] = command
      expect(node).toBe('node')
      const source = join(packageRoot(), program.replace(/^dist\/(.*)\.js$/, '$1.ts'))
      expect([program, existsSync(source)]).toEqual([program, true])
      if (!name.startsWith('worker')) continue
      for (const band of readWorkerOptions(args).slots.keys()) served.add(band)
      // It takes 10 s to stop at most.
      expect(Number.parseInt(grace ?? '0', 10)).toBeGreaterThan(10)
    }
    expect([...served].sort()).toEqual([...bands].sort())
  })

  it('waits for services that come to what is waited for, and keeps data in volumes that there are', () => {
    for (const [name, { depends_on: waits, volumes }] of Object.entries(compose.services)) {
      for (const [other, { condition }] of Object.entries(waits)) {
        const { healthcheck, restart } = compose.services[other] ?? {}
        const ends = restart === 'no'
        const isWatched = healthcheck !== undefined && !('disable' in healthcheck)
        const comesTrue = condition === 'service_healthy' ? isWatched : condition === 'service_started' || ends
        expect([name, other, condition, comesTrue]).toEqual([name, other, condition, true])
      }
      const named = volumes.map((volume) => volume.split(':')[0] ?? '')
      expect(named.filter((volume) => !(volume in compose.volumes))).toEqual([])
    }
    const built = ours.flatMap(([, { build }]) => (build ? [join(build.context, build.dockerfile)] : []))
    expect(built.map((path) => existsSync(join(dirname(composePath), path)))).toEqual([true])
  })
})
