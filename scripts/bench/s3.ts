import { randomUUID } from 'node:crypto'
import { rm, writeFile } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { type OwnCeph, startCephGateway } from '../stack/ceph-gateway.ts'
import { openDatabaseServer } from './database-server.ts'
import { median, scratchFolder } from './measure.ts'
import { startOurStack } from './our-stack.ts'
import { makePayload, type Payload } from './payload.ts'
import { shown } from './report.ts'
import { OurS3 } from './s3-ours.ts'
import { openPlainS3, piecesOf, type PlainS3 } from './s3-plain.ts'

export type S3Benchmark = {
  rounds: number
  sizeMebibytes: number
  /** A small size, once: shows that everything runs. */
  brief: boolean
  databaseUrl: string | undefined
  parentFolder: string | undefined
  log: (line: string) => void
}

const mebibyte = 1024 * 1024
const partBytes = 8 * mebibyte
const atOnce = 4
/** The pool that a stack makes for itself. */
const localPoolId = '550e8400-e29b-41d4-a716-446655440000'

const cases = {
  throughApi: { title: 'upload through the API', target: 0.6 },
  direct: { title: 'upload direct to the store', target: 0.95 },
  download: { title: 'download through the API', target: undefined },
  migrate: { title: 'migrate local -> S3', target: 0.8 },
}
type Case = keyof typeof cases

type Seconds = { ours: number[]; plain: number[] }

/**
 * Measures what we do with an S3 store beside the SDK's lib-storage doing the same with the same store, in turn: a Ceph of its
 * own, in memory. What is stored is deleted after each measurement. Answers what failed; slowness is no failure.
 */
export async function benchS3(options: S3Benchmark, print: (text: string) => void): Promise<string[]> {
  const { rounds, brief } = options
  const sizeBytes = (brief ? 32 : options.sizeMebibytes) * mebibyte
  const payload = makePayload(sizeBytes, partBytes)
  const folder = await scratchFolder(join(options.parentFolder ?? tmpdir(), 'longshore-bench-s3'))
  const undo: (() => Promise<unknown> | void)[] = [() => rm(folder, { recursive: true, force: true })]
  try {
    const ceph = await startCephGateway({ memoryBytes: 8 * sizeBytes + 1024 * mebibyte })
    undo.push(ceph.stop)
    const plain = await openPlainS3(ceph, 'bench')
    undo.push(plain.close)
    const database = await openDatabaseServer(options)
    undo.push(database.stop)
    const pool = s3Pool(ceph, plain.bucket)
    const stack = await startOurStack(database.databaseUrl, folder, pool.env)
    undo.push(stack.stop)
    const ours = new OurS3(stack, atOnce)
    undo.push(() => ours.close())
    print(
      `${sizeBytes / mebibyte} MiB, parts of 8 MiB, ${atOnce} at once, ${rounds} rounds in turn; ${ceph.name}, in memory`,
    )
    print(
      `Node ${process.version}, ${process.platform}, ${cpus().length} CPUs (shared by client, API, worker and store)`,
    )
    const localFile = join(folder, 'plain.bin')
    await writeFile(localFile, piecesOf(payload))
    const bench = { ours, plain, payload, localFile, poolId: pool.id }
    return await measureRounds(bench, rounds, print)
  } finally {
    for (const step of undo.reverse()) await step()
  }
}

type Bench = { ours: OurS3; plain: PlainS3; payload: Payload; localFile: string; poolId: string }
type Results = Record<Case, Seconds>

async function measureRounds(bench: Bench, rounds: number, print: (text: string) => void): Promise<string[]> {
  const none = (): Seconds => ({ ours: [], plain: [] })
  const results: Results = { throughApi: none(), direct: none(), download: none(), migrate: none() }
  const finishes: number[] = []
  for (let round = 1; round <= rounds; round++) {
    await measureThroughApi(bench, results, finishes)
    await measureDirect(bench, results, finishes)
    await measureMigration(bench, results)
    const parts = Object.entries(results).map(([name, { ours, plain }]) => {
      return `${name} ${shown(ours.at(-1), 2)} s (plain ${shown(plain.at(-1), 2)} s)`
    })
    print(`round ${round}: ${parts.join(', ')}`)
  }
  print(`\nMedians\n${linesOf(results, bench.payload.sizeBytes).join('\n')}`)
  print(
    `the pass that verifies an upload, after its bytes are in and not part of the above: ${shown(median(finishes), 2)} s`,
  )
  return []
}

async function measureThroughApi(bench: Bench, { throughApi, download }: Results, finishes: number[]): Promise<void> {
  const { ours, plain, payload, poolId } = bench
  throughApi.plain.push(await secondsOf(() => plain.upload('plain', payload, { partBytes, atOnce })))
  download.plain.push(await secondsOf(() => plain.download('plain')))
  await plain.empty()
  const sending = await timed(() => ours.sendThroughApi(payload, poolId))
  throughApi.ours.push(sending.seconds)
  const finishing = await timed(sending.result.complete)
  finishes.push(finishing.seconds)
  download.ours.push(await secondsOf(() => ours.download(finishing.result)))
  await plain.empty()
}

async function measureDirect(bench: Bench, { direct }: Results, finishes: number[]): Promise<void> {
  const { ours, plain, payload, poolId } = bench
  direct.plain.push(await secondsOf(() => plain.upload('plain', payload, { partBytes, atOnce })))
  await plain.empty()
  const sending = await timed(() => ours.sendDirect(payload, poolId))
  direct.ours.push(sending.seconds)
  finishes.push((await timed(sending.result.complete)).seconds)
  await plain.empty()
}

async function measureMigration(bench: Bench, { migrate }: Results): Promise<void> {
  const { ours, plain, payload, poolId, localFile } = bench
  migrate.plain.push(await secondsOf(() => plain.upload('plain', localFile, { partBytes, atOnce })))
  await plain.empty()
  const { complete } = await ours.sendThroughApi(payload, undefined)
  await complete()
  migrate.ours.push(await secondsOf(() => ours.migrate(localPoolId, poolId)))
  await plain.empty()
}

/** Speeds in MB/s of 10^6 bytes; the ratio is ours to plain, and more is better. */
function linesOf(results: Results, sizeBytes: number): string[] {
  const names: Case[] = ['throughApi', 'direct', 'download', 'migrate']
  return names.map((name) => {
    const { title, target } = cases[name]
    const [ours, plain] = [median(results[name].ours), median(results[name].plain)]
    const speeds = [ours, plain].map((seconds) => shown(sizeBytes / 1e6 / seconds, 0))
    const ratio = shown(plain / ours, 2)
    const wanted = target === undefined ? 'no target' : `target >= ${target}`
    return `${title}: ${speeds[0]} MB/s against ${speeds[1]} MB/s of the SDK alone: ${ratio}x (${wanted})`
  })
}

async function timed<T>(work: () => Promise<T>): Promise<{ seconds: number; result: T }> {
  const startedMs = performance.now()
  const result = await work()
  return { seconds: (performance.now() - startedMs) / 1000, result }
}

async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  return (await timed(work)).seconds
}

/** A pool in a bucket, with its credentials as the processes find them. */
function s3Pool({ endpoint, region, accessKeyId, secretAccessKey }: OwnCeph, bucket: string) {
  const id = randomUUID()
  const settings = {
    endpoint,
    region,
    bucket,
    checksums: 'WHEN_REQUIRED',
    direct: { uploads: true, downloads: false },
    credentials: { accessKeyId: 'S3_BENCH_ACCESS_KEY_ID', secretAccessKey: 'S3_BENCH_SECRET_ACCESS_KEY' },
  }
  const env = {
    STORAGE_POOLS: JSON.stringify([{ id, name: 'bench', kind: 's3', settings }]),
    S3_BENCH_ACCESS_KEY_ID: accessKeyId,
    S3_BENCH_SECRET_ACCESS_KEY: secretAccessKey,
  }
  return { id, env }
}
