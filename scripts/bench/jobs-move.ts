import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { open, rm } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { readAhead } from '../../src/storage/local-reader.ts'
import type { JobBenchmark } from './job-benchmark.ts'
import { addLocalPool, fillPool, runTask } from './local-pools.ts'
import { median, scriptPath } from './measure.ts'
import { makePayload } from './payload.ts'
import { shown } from './report.ts'
import { startTaskStack, type TaskStack } from './tasks-stack.ts'

const run = promisify(execFile)
const mebibyte = 1024 * 1024
const peer = 'cp, then SHA-256'
const target = 0.8

type Subject = { name: string; work: () => Promise<void>; tidy: () => Promise<void>; megabytesPerSecond: number[] }

/**
 * Moves a file from one local pool to another by FileMove, from the request to its end, in turn with `cp` and one pass of
 * SHA-256 over the copy, and prints the medians. Answers what failed, a line each. Slowness is no failure.
 */
export async function benchMove(options: JobBenchmark, print: (text: string) => void): Promise<string[]> {
  const sizeBytes = (options.brief ? 8 : 1024) * mebibyte
  const stack = await startTaskStack({ slots: 4, parentFolder: options.parentFolder ?? tmpdir() })
  try {
    print(`Node ${process.version}, ${process.platform}, ${cpus().length} CPUs, data in ${stack.dataDir}`)
    print(`a file of ${sizeBytes / mebibyte} MiB, ${options.rounds} rounds in turn`)
    const payload = makePayload(sizeBytes, Math.min(sizeBytes, 32 * mebibyte))
    const pieces = Array.from({ length: payload.pieces }, (_, index) => payload.piece(index)).flat()
    const sha256 = Buffer.from(payload.hash, 'hex')
    return await compare(await subjectsOf(stack, { bytes: Buffer.concat(pieces), sha256 }), sizeBytes, options, print)
  } finally {
    await stack.stop()
  }
}

async function subjectsOf(stack: TaskStack, content: { bytes: Buffer; sha256: Buffer }): Promise<Subject[]> {
  const source = await addLocalPool(stack)
  const [file] = await fillPool(stack, source, [content])
  if (!file) throw new Error('there is no file to move')
  const from = join(source.folder, file.key)
  const to = join(stack.dataDir, 'copy')
  const hash = content.sha256.toString('hex')
  const subject = (name: string, work: Subject['work']): Subject => {
    return { name, work, tidy: () => rm(to, { force: true }), megabytesPerSecond: [] }
  }
  return [
    subject(peer, async () => {
      await run('cp', ['--reflink=never', from, to])
      await hashPass(to, hash)
    }),
    subject('the same, flushed', async () => {
      await run('sh', ['-c', 'cp --reflink=never "$0" "$1" && sync -d "$1"', from, to])
      await hashPass(to, hash)
    }),
    subject('one pass in Node', () => copyInOnePass(from, to, hash)),
    subject('ours, FileMove', async () => {
      const { poolId } = await addLocalPool(stack)
      await runTask(stack, 'FileMove', { fileIds: [file.fileId], targetPoolId: poolId })
      await expectMoved(stack, file.fileId, poolId)
    }),
  ]
}

async function hashPass(path: string, expected: string): Promise<void> {
  const { stdout } = await run(process.execPath, [scriptPath('scripts/bench/hash-pass.js'), path])
  if (!stdout.includes(expected)) throw new Error(`the copy has another SHA-256: ${stdout}`)
}

/** Reads, sums up, writes and flushes, and does nothing else: what there is to win on one thread. */
async function copyInOnePass(from: string, to: string, expected: string): Promise<void> {
  const hash = createHash('sha256')
  const source = await open(from)
  const copy = await open(to, 'wx')
  try {
    const { size: lengthBytes } = await source.stat()
    for await (const piece of readAhead(source, { startBytes: 0, lengthBytes }, new AbortController().signal)) {
      const writing = copy.write(piece)
      hash.update(piece)
      await writing
    }
    await copy.datasync()
  } finally {
    await Promise.all([source.close(), copy.close()])
  }
  if (hash.digest('hex') !== expected) throw new Error('the copy has another SHA-256')
}

async function expectMoved({ sql }: TaskStack, fileId: string, poolId: string): Promise<void> {
  const [row] = await sql`
    select 1 from files f join objects o on o.id = f.object_id where f.id = ${fileId} and o.pool_id = ${poolId}`
  if (!row) throw new Error('the file does not lie in the other pool')
}

async function compare(
  subjects: readonly Subject[],
  sizeBytes: number,
  { rounds }: JobBenchmark,
  print: (text: string) => void,
): Promise<string[]> {
  const failures: string[] = []
  for (let round = 1; round <= rounds; round++) {
    for (const { name, work, tidy, megabytesPerSecond } of subjects) {
      await tidy()
      try {
        const startedMs = performance.now()
        await work()
        megabytesPerSecond.push(sizeBytes / 1e3 / (performance.now() - startedMs))
        print(`round ${round}  ${name}: ${shown(megabytesPerSecond.at(-1), 0)} MB/s`)
      } catch (error) {
        failures.push(`round ${round}, ${name}: ${String(error)}`)
      }
    }
  }
  print(`\nMedians, against "${peer}"\n${medians(subjects)}`)
  return failures
}

function medians(subjects: readonly Subject[]): string {
  const peerSpeed = median(subjects.find(({ name }) => name === peer)?.megabytesPerSecond ?? [])
  return subjects
    .map(({ name, megabytesPerSecond }) => {
      const range = `${shown(Math.min(...megabytesPerSecond), 0)}-${shown(Math.max(...megabytesPerSecond), 0)}`
      const line = `${name.padEnd(18)}${shown(median(megabytesPerSecond), 0).padStart(5)} MB/s  (${range})`
      if (name === peer) return line
      const ratio = `${shown(median(megabytesPerSecond) / peerSpeed, 2)}x`
      return name.startsWith('ours') ? `${line}  ${ratio} (target >= ${target})` : `${line}  ${ratio}`
    })
    .join('\n')
}
