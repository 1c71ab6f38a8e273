import { randomBytes, randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { packageRoot } from '../../src/package-root.ts'
import { expectRefusal } from '../support/refusal.ts'
import { openStage, type Stage } from '../support/stage.ts'
import { until } from '../support/system.ts'

const metricsToken = 'a-token-for-monitoring-alone'
const failing = {
  type: 'FileMove',
  parameters: { fileIds: [randomUUID()], targetPoolId: '550e8400-e29b-41d4-a716-446655440000' },
}

describe('metrics', { timeout: 60_000 }, () => {
  let stage: Stage
  let workerUrl: string
  beforeAll(async () => {
    stage = await openStage({ env: { METRICS_TOKEN: metricsToken, METRICS_PORT: '0' } })
    const [worker] = stage.system.workers
    const line = await worker?.waitForLog((one) => one['msg'] === 'working')
    workerUrl = String(line?.['metrics'])
  })
  afterAll(() => stage.close())

  const apiUrl = (): string => `${stage.system.urls[0]}/metrics`
  const ask = (url: string, token = metricsToken): Promise<Response> =>
    fetch(url, { headers: { authorization: `Bearer ${token}` } })
  /** The figure of the line that begins so. */
  const figure = async (url: string, line: string): Promise<number> => {
    const text = await (await ask(url)).text()
    const found = text.split('\n').find((one) => one.startsWith(`${line} `))
    return found === undefined ? Number.NaN : Number(found.slice(line.length + 1))
  }

  it('tell what was asked, sent and done, in the format of Prometheus', async () => {
    const client = await stage.client()
    await client.upload(randomBytes(250_000), { chunkSize: 100_000 })
    expectRefusal(await client.call('GET', '/api/files/nothing'), 404, 'FILE_NOT_FOUND')
    const answer = await ask(apiUrl())
    expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
    expect(await figure(apiUrl(), 'longshore_chunk_bytes_total')).toBe(250_000)
    expect(await figure(apiUrl(), 'longshore_chunk_seconds_count')).toBe(3)
    const requests = 'longshore_http_requests_total'
    expect(await figure(apiUrl(), `${requests}{operation="putChunk",method="PUT",status="200"}`)).toBe(3)
    expect(await figure(apiUrl(), `${requests}{operation="getFile",method="GET",status="404"}`)).toBe(1)
    expect(await figure(apiUrl(), 'longshore_http_request_seconds_count{operation="completeUpload"}')).toBe(1)
    const ran = 'longshore_task_run_seconds_count{type="FileUpload",outcome="completed"}'
    expect(await until(async () => ((await figure(workerUrl, ran)) === 1 ? true : undefined))).toBe(true)
    expect(await figure(workerUrl, 'longshore_task_wait_seconds_count{band="high"}')).toBe(1)
    expect(await figure(workerUrl, 'longshore_tasks_started_total{band="high",type="FileUpload"}')).toBe(1)
    expect(await figure(workerUrl, 'longshore_process_cpu_seconds_total')).toBeGreaterThan(0)
  })

  it('tell how the queues and pools stand, as they are at the moment', async () => {
    const client = await stage.client()
    expect(await figure(apiUrl(), 'longshore_ledger_up')).toBe(1)
    expect(await figure(apiUrl(), 'longshore_workers{band="normal"}')).toBe(1)
    expect(await figure(apiUrl(), 'longshore_pool_up{pool="550e8400-e29b-41d4-a716-446655440000"}')).toBe(1)
    expect(await figure(apiUrl(), 'longshore_queue_tasks{band="low",state="waiting"}')).toBe(0)
    await stage.sql`update bands set paused_at = now() where band = 'low'`
    await client.call('POST', '/api/tasks', { body: { ...failing, priority: 5 } })
    await stage.sql`update tasks set ready_at = now() - interval '1 hour' where band = 'low'`
    expect(await figure(apiUrl(), 'longshore_queue_paused{band="low"}')).toBe(1)
    expect(await figure(apiUrl(), 'longshore_queue_tasks{band="low",state="waiting"}')).toBe(1)
    expect(await figure(apiUrl(), 'longshore_queue_oldest_wait_seconds{band="low"}')).toBeGreaterThan(3500)
  })

  it('have the names that alerts and dashboard ask for', async () => {
    const texts = await Promise.all([apiUrl(), workerUrl].map(async (url) => (await ask(url)).text()))
    const told = new Set(texts.flatMap((text) => text.match(/^# TYPE \S+/gm) ?? []).map((line) => line.slice(7)))
    for (const file of ['deploy/alerts.yaml', 'deploy/grafana/longshore.json', 'docs/monitoring.md']) {
      const text = await readFile(join(packageRoot(), file), 'utf8')
      const asked = (text.match(/longshore_[a-z0-9_]*[a-z0-9]/g) ?? []).map((name) =>
        name.replace(/_(?:bucket|count)$/, ''),
      )
      expect(
        asked.filter((name) => !told.has(name) && !['longshore_process', 'longshore_nodejs'].includes(name)),
      ).toEqual([])
    }
  })

  it('are for whoever brings their token, and for nobody else', async () => {
    const client = await stage.client()
    expectRefusal(await client.call('GET', '/metrics'), 401, 'UNAUTHENTICATED')
    expect((await ask(workerUrl, client.token)).status).toBe(401)
    expect((await fetch(workerUrl)).status).toBe(401)
    expect((await ask(workerUrl.replace('/metrics', '/'))).status).toBe(404)
    // And their token opens nothing else.
    expect((await ask(`${stage.system.urls[0]}/api/tasks`)).status).toBe(401)
  })
})

describe('metrics without a token', () => {
  it('are not there', async () => {
    const stage = await openStage({ workers: 0 })
    const client = await stage.client()
    expectRefusal(await client.call('GET', '/metrics'), 404, 'ROUTE_NOT_FOUND')
    await stage.close()
  })
})
