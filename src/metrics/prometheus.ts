import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { Collect } from './collect.ts'
import type { Meters, OpenMeters } from './meters.ts'

const requestBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
const workBuckets = [0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 1800, 7200, 43_200]
const lagBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5]

/** Meters of one process, with those of Node itself. */
export function openMeters(): OpenMeters {
  const register = new Registry()
  collectDefaultMetrics({ register, prefix: 'longshore_' })
  const collects: Collect[] = []
  return {
    meters: { ...httpMeters(register), ...taskMeters(register) },
    add: (collect) => void collects.push(collect),
    read: async () => {
      for (const collect of collects) await collect((gauge) => set(register, gauge))
      return register.metrics()
    },
  }
}

function httpMeters(register: Registry): Pick<Meters, 'request' | 'chunk' | 'eventLag'> {
  const registers = [register]
  const requests = new Counter({
    name: 'longshore_http_requests_total',
    help: 'Requests that were answered, by operation of the API and status; 499 when the client went away.',
    labelNames: ['operation', 'method', 'status'],
    registers,
  })
  const seconds = new Histogram({
    name: 'longshore_http_request_seconds',
    help: 'Time from a request to the end of its answer.',
    labelNames: ['operation'],
    buckets: requestBuckets,
    registers,
  })
  const bytes = new Counter({ name: 'longshore_chunk_bytes_total', help: 'Bytes of chunks that count.', registers })
  const chunk = new Histogram({
    name: 'longshore_chunk_seconds',
    help: 'Time from taking the lease on a chunk to its being safe.',
    buckets: requestBuckets,
    registers,
  })
  const lag = new Histogram({
    name: 'longshore_event_lag_seconds',
    help: 'Time from an event to its being read for those who watch.',
    buckets: lagBuckets,
    registers,
  })
  return {
    request: ({ operation, method, status, seconds: took }) => {
      requests.inc({ operation, method, status })
      seconds.observe({ operation }, took)
    },
    chunk: ({ sizeBytes, seconds: took }) => {
      bytes.inc(sizeBytes)
      chunk.observe(took)
    },
    eventLag: (took) => lag.observe(Math.max(0, took)),
  }
}

function taskMeters(register: Registry): Pick<Meters, 'taskStarted' | 'taskRan' | 'deliveriesLost'> {
  const registers = [register]
  const wait = new Histogram({
    name: 'longshore_task_wait_seconds',
    help: 'Time from a task being ready to a worker having it.',
    labelNames: ['band'],
    buckets: workBuckets,
    registers,
  })
  const started = new Counter({
    name: 'longshore_tasks_started_total',
    help: 'Runs that were begun, by type.',
    labelNames: ['band', 'type'],
    registers,
  })
  const runs = new Histogram({
    name: 'longshore_task_run_seconds',
    help: 'Time that runs took, by type and by how they ended.',
    labelNames: ['type', 'outcome'],
    buckets: workBuckets,
    registers,
  })
  const lost = new Counter({
    name: 'longshore_lost_deliveries_total',
    help: 'Deliveries that the queue had lost and that were made anew.',
    registers,
  })
  return {
    taskStarted: ({ band, type, waitedSeconds }) => {
      wait.observe({ band }, Math.max(0, waitedSeconds))
      started.inc({ band, type })
    },
    taskRan: ({ type, outcome, seconds }) => runs.observe({ type, outcome }, seconds),
    deliveriesLost: (count) => lost.inc(count),
  }
}

/** What is read anew each time: rows that are not there any more are gone. */
function set(register: Registry, { name, help, rows }: Parameters<Parameters<Collect>[0]>[0]): void {
  const labelNames = Object.keys(rows[0]?.labels ?? {})
  register.removeSingleMetric(name)
  const gauge = new Gauge({ name, help, labelNames, registers: [register] })
  for (const { labels, value } of rows) gauge.set(labels, value)
}
