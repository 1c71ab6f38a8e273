import { randomBytes, randomUUID } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { packageRoot } from '../../src/package-root.ts'
import { type CollectedSpan, type Collector, openCollector } from '../support/collector.ts'
import { openStage, type Stage } from '../support/stage.ts'
import { until } from '../support/system.ts'
import { createTask, untilStatus } from '../support/tasks.ts'

const watched = {
  NODE_OPTIONS: `--import ${pathToFileURL(join(packageRoot(), 'test', 'support', 'loaded-files.mjs')).href}`,
}
const missingFile = { type: 'FileEncrypt', parameters: { fileIds: [randomUUID()], password: 'a long password' } }
const newTrace = () => ({ traceId: randomBytes(16).toString('hex'), spanId: randomBytes(8).toString('hex') })
const headerOf = ({ traceId, spanId }: ReturnType<typeof newTrace>) => ({ traceparent: `00-${traceId}-${spanId}-01` })

/** The packages that the processes of a system have loaded, by the beginning of their names. */
function loaded({ system }: Stage, prefix: string): string[] {
  const lines = [...system.apis, ...system.workers].flatMap((one) => one.logs)
  const files = lines.filter((one) => one['msg'] === 'loaded').map((one) => fileURLToPath(String(one['url'])))
  const names = new Set(
    files.flatMap(sourcesOf).flatMap((source) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(source)?.[1] ?? []),
  )
  return [...names].filter((name) => name.startsWith(prefix))
}

/** What a file was made of, which its map says if it has one. */
function sourcesOf(file: string): string[] {
  if (!existsSync(`${file}.map`)) return [file]
  const map: { sources: string[] } = JSON.parse(readFileSync(`${file}.map`, 'utf8'))
  return [file, ...map.sources]
}

describe('traces', () => {
  let stage: Stage
  let collector: Collector
  beforeAll(async () => {
    collector = await openCollector()
    const otel = {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer of-the-collector',
      OTEL_BSP_SCHEDULE_DELAY: '50',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
    }
    stage = await openStage({ env: { ...watched, ...otel } })
  })
  afterAll(async () => {
    await stage.close()
    await collector.close()
  })

  /** The spans of a trace, once the worker's is among them. */
  const traceOf = (traceId: string, last: string): Promise<CollectedSpan[]> =>
    until(async () => {
      const spans = collector.spans().filter((one) => one.traceId === traceId)
      return spans.some((one) => one.name === last) && spans.some((one) => one.kind === 2) ? spans : undefined
    })
  const named = (spans: readonly CollectedSpan[], name: string): CollectedSpan => {
    const [span, ...more] = spans.filter((one) => one.name === name)
    if (!span || more.length > 0) throw new Error(`${more.length + 1} spans ${name} in ${JSON.stringify(spans)}`)
    return span
  }

  it('lead from a request through ledger and queue to what the worker did, as part of the caller’s', async () => {
    const client = await stage.client()
    const trace = newTrace()
    const created = await client.call('POST', '/api/tasks', { body: missingFile, headers: headerOf(trace) })
    expect(created.status).toBe(201)
    const taskId = created.body['taskId']
    const spans = await traceOf(trace.traceId, 'process FileEncrypt')
    const request = named(spans, 'POST /api/tasks')
    expect(request).toMatchObject({ parentSpanId: trace.spanId, kind: 2, service: 'longshore-api', isError: false })
    expect(request.attributes).toMatchObject({
      'http.response.status_code': 201,
      'http.route': '/api/tasks',
      'longshore.operation': 'createTask',
      'longshore.request_id': created.headers.get('x-request-id'),
    })
    expect(named(spans, 'commit tasks')).toMatchObject({ parentSpanId: request.spanId, kind: 3 })
    expect(named(spans, 'publish normal')).toMatchObject({ parentSpanId: request.spanId, kind: 4 })
    const process = named(spans, 'process FileEncrypt')
    // The file is not there, which is an error of the run and is told as one.
    expect(process).toMatchObject({ parentSpanId: request.spanId, kind: 5, service: 'longshore-worker', isError: true })
    expect(process.attributes).toMatchObject({ 'longshore.task.id': taskId, 'longshore.run.outcome': 'failed' })
    expect(named(spans, 'run')).toMatchObject({ parentSpanId: process.spanId, isError: true })
    // What is secret or somebody's own is in no span.
    expect(JSON.stringify(spans)).not.toMatch(/a long password|"filename"/i)
  })

  it('go on with the request that has a task done: that completes an upload, that retries', async () => {
    const client = await stage.client()
    await client.upload(randomBytes(1000))
    const completing = await until(async () =>
      collector.spans().find((one) => one.attributes['longshore.operation'] === 'completeUpload'),
    )
    const finishing = named(await traceOf(completing.traceId, 'process FileUpload'), 'process FileUpload')
    expect(finishing).toMatchObject({ parentSpanId: completing.spanId, isError: false })
    expect(finishing.attributes['longshore.run.outcome']).toBe('completed')

    const failed = await createTask(client, missingFile.type, missingFile.parameters)
    await untilStatus(client, failed, 'Failed')
    const trace = newTrace()
    const path = `/api/tasks/${failed}/retry`
    expect((await client.call('POST', path, { headers: headerOf(trace) })).status).toBe(200)
    const again = await traceOf(trace.traceId, 'process FileEncrypt')
    expect(named(again, 'process FileEncrypt').parentSpanId).toBe(named(again, 'POST /api/tasks/:taskId/retry').spanId)
  })

  it('keep what vendors have put beside the context, on the way to the worker too', async () => {
    const client = await stage.client()
    const trace = newTrace()
    const headers = { ...headerOf(trace), tracestate: 'vendor=a-sampler/1,other=two' }
    await client.call('POST', '/api/tasks', { body: missingFile, headers })
    const spans = await traceOf(trace.traceId, 'process FileEncrypt')
    const states = spans.map(({ name, traceState }) => [name, traceState])
    for (const name of ['POST /api/tasks', 'publish normal', 'process FileEncrypt', 'run']) {
      expect(states).toContainEqual([name, 'vendor=a-sampler/1,other=two'])
    }
    // What is no state of a trace is left out, and the trace stays whole.
    const other = newTrace()
    await client.call('POST', '/api/tasks', { body: missingFile, headers: { ...headerOf(other), tracestate: ' = ,,' } })
    const [process] = (await traceOf(other.traceId, 'process FileEncrypt')).filter(({ kind }) => kind === 5)
    expect(process?.traceState ?? '').toBe('')
  })

  it('begin anew where what came is no context, and have what OTEL_… says of them', async () => {
    const client = await stage.client()
    const answer = await client.call('GET', '/api/quota', { headers: { traceparent: 'nonsense' } })
    const requestId = answer.headers.get('x-request-id')
    const span = await until(async () =>
      collector.spans().find((one) => one.attributes['longshore.request_id'] === requestId),
    )
    expect(span.parentSpanId).toBeUndefined()
    const [first] = collector.exports
    expect(first?.path).toBe('/v1/traces')
    expect(first?.headers.authorization).toBe('Bearer of-the-collector')
    expect(first?.body.toString()).toContain('deployment.environment.name')
    expect(loaded(stage, '@opentelemetry/')).toContain('@opentelemetry/sdk-trace-node')
  })
})

describe('traces in protobuf', () => {
  it('are what is sent unless JSON is asked for, and a collector that takes none stops nothing', async () => {
    const collector = await openCollector(400)
    const env = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${collector.url}/here`, OTEL_BSP_SCHEDULE_DELAY: '50' }
    const stage = await openStage({ workers: 0, env })
    const client = await stage.client()
    const trace = newTrace()
    expect((await client.call('GET', '/api/quota', { headers: headerOf(trace) })).status).toBe(200)
    const sent = await until(async () => collector.exports.find((one) => one.path === '/here'))
    expect(sent.headers['content-type']).toBe('application/x-protobuf')
    expect(sent.body.includes(Buffer.from(trace.traceId, 'hex'))).toBe(true)
    const said = await stage.system.apis[0]?.waitForLog((one) =>
      String(one['msg']).startsWith('spans could not be told'),
    )
    expect(said?.['level']).toBe('warn')
    expect((await client.call('GET', '/api/quota')).status).toBe(200)
    await stage.close()
    await collector.close()
  })
})

describe('traces that nobody asked for', () => {
  it('load nothing of OpenTelemetry, nor keep a context', async () => {
    const stage = await openStage({ env: watched })
    const client = await stage.client()
    const { body } = await client.call('POST', '/api/tasks', { body: missingFile, headers: headerOf(newTrace()) })
    await untilStatus(client, String(body['taskId']), 'Failed')
    expect(loaded(stage, 'express')).toEqual(['express'])
    expect(loaded(stage, '@opentelemetry/')).toEqual([])
    expect(await stage.sql`select traceparent from tasks`).toEqual([{ traceparent: null }])
    await stage.close()
  })
})
