import { execFile } from 'node:child_process'
import { open, rm, writeFile } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { promisify } from 'node:util'
import { decryptWith } from '../../src/age/decrypt.ts'
import { encryptTo } from '../../src/age/encrypt.ts'
import { onThisThread, openCryptThreads, type Workforce } from '../../src/age/threads.ts'
import { readAhead } from '../../src/storage/local-reader.ts'
import type { JobBenchmark } from './job-benchmark.ts'
import { median, scratchFolder } from './measure.ts'
import { makePayload, type Payload } from './payload.ts'
import { shown } from './report.ts'

type Direction = 'encrypt' | 'decrypt'
type Files = {
  plain: string
  sealed: string
  output: string
  identity: string
  recipient: string
  identityFile: string
}
/** A run answers the CPU seconds it took, of all threads, in user and system mode. */
type Subject = { name: string; run: (direction: Direction, files: Files) => Promise<number> }
type Result = {
  direction: Direction
  name: string
  megabytesPerSecond: number[]
  cpuSecondsPerGib: number[]
  delayMs: number[]
}

const mebibyte = 1024 * 1024
const run = promisify(execFile)
const targets: Record<string, string> = { 'ours, this thread': '>= 0.7', 'ours, two threads': '>= 1.0' }

/**
 * Encrypts and decrypts one file to another with the `age` command and with ours in turn, to an X25519 key, and prints
 * the medians. Answers what failed, a line each. Slowness is no failure.
 */
export async function benchEncrypt(options: JobBenchmark, print: (text: string) => void): Promise<string[]> {
  const folder = await scratchFolder(join(options.parentFolder ?? tmpdir(), 'longshore-bench'))
  const threads = openCryptThreads(2)
  const subjects: Subject[] = [
    { name: 'age', run: runAge },
    { name: 'ours, this thread', run: (direction, files) => runOurs(direction, files, onThisThread()) },
    { name: 'ours, two threads', run: (direction, files) => runOurs(direction, files, threads) },
  ]
  try {
    const sizeBytes = (options.brief ? 4 : 512) * mebibyte
    print(`${sizeBytes / mebibyte} MiB from file to file, ${options.rounds} rounds in turn`)
    print(`Node ${process.version}, ${process.platform}, ${cpus().length} CPUs, data in ${folder}`)
    const files = await prepare(folder, sizeBytes)
    return await compare(options.rounds, subjects, files, sizeBytes, print)
  } finally {
    await threads.close()
    await rm(folder, { recursive: true, force: true })
  }
}

async function prepare(folder: string, sizeBytes: number): Promise<Files> {
  const identityFile = join(folder, 'identity.txt')
  await run('age-keygen', ['-o', identityFile])
  const { stdout: recipient } = await run('age-keygen', ['-y', identityFile])
  const { stdout: identity } = await run('grep', ['^AGE-SECRET-KEY', identityFile])
  const files: Files = {
    plain: join(folder, 'plain'),
    sealed: join(folder, 'sealed'),
    output: join(folder, 'output'),
    identity: identity.trim(),
    recipient: recipient.trim(),
    identityFile,
  }
  await writeFile(files.plain, pieces(makePayload(sizeBytes, mebibyte)))
  await run('age', ['-r', files.recipient, '-o', files.sealed, files.plain])
  return files
}

function* pieces(payload: Payload): Generator<Buffer> {
  for (let index = 0; index < payload.pieces; index++) yield* payload.piece(index)
}

async function compare(
  rounds: number,
  subjects: readonly Subject[],
  files: Files,
  sizeBytes: number,
  print: (text: string) => void,
): Promise<string[]> {
  const failures: string[] = []
  const directions: Direction[] = ['encrypt', 'decrypt']
  const results = directions.flatMap((direction) =>
    subjects.map(
      ({ name }): Result => ({ direction, name, megabytesPerSecond: [], cpuSecondsPerGib: [], delayMs: [] }),
    ),
  )
  for (let round = 1; round <= rounds; round++) {
    for (const result of results) {
      const subject = subjects.find(({ name }) => name === result.name)
      try {
        await rm(files.output, { force: true })
        await measure(result, sizeBytes, async () => (await subject?.run(result.direction, files)) ?? Number.NaN)
        print(`round ${round}  ${result.direction}, ${result.name}: ${shown(result.megabytesPerSecond.at(-1), 0)} MB/s`)
        await checkOutput(result.direction, files)
      } catch (error) {
        failures.push(`round ${round}, ${result.direction}, ${result.name}: ${String(error)}`)
      }
    }
  }
  print(`\nMedians, against age; delay is the 99th percentile of our event loop's\n${medians(results)}`)
  return failures
}

async function measure(result: Result, sizeBytes: number, work: () => Promise<number>): Promise<void> {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const startedMs = performance.now()
  const cpuSeconds = await work()
  result.megabytesPerSecond.push(sizeBytes / 1e3 / (performance.now() - startedMs))
  delay.disable()
  result.cpuSecondsPerGib.push((cpuSeconds * 1024 * mebibyte) / sizeBytes)
  result.delayMs.push(delay.percentile(99) / 1e6)
}

async function runAge(
  direction: Direction,
  { plain, sealed, output, recipient, identityFile }: Files,
): Promise<number> {
  const encrypt = ['-r', recipient, '-o', output, plain]
  const args = direction === 'encrypt' ? encrypt : ['-d', '-i', identityFile, '-o', output, sealed]
  const { stderr } = await run('bash', ['-c', 'TIMEFORMAT="%U %S"; time age "$@"', 'age', ...args])
  return stderr.split(' ').reduce((sum, seconds) => sum + Number(seconds), 0)
}

async function runOurs(direction: Direction, files: Files, workforce: Workforce): Promise<number> {
  const { plain, sealed, output, recipient, identity } = files
  const before = process.cpuUsage()
  const source = readFile(direction === 'encrypt' ? plain : sealed)
  const how = { workforce, lendsPieces: true }
  const stream =
    direction === 'encrypt'
      ? (await encryptTo({ recipients: [recipient] }, how)).encrypt(source)
      : await decryptWith({ identities: [identity] }, source, how)
  const handle = await open(output, 'w')
  try {
    for await (const piece of stream) await handle.write(piece)
  } finally {
    await handle.close()
  }
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1e6
}

async function* readFile(path: string): AsyncGenerator<Buffer> {
  const handle = await open(path)
  try {
    const { size } = await handle.stat()
    yield* readAhead(handle, { startBytes: 0, lengthBytes: size }, new AbortController().signal)
  } finally {
    await handle.close()
  }
}

/** What was encrypted must open with age, and what was decrypted must be the plaintext. */
async function checkOutput(direction: Direction, { plain, output, identityFile }: Files): Promise<void> {
  const opened = `${output}.opened`
  if (direction === 'encrypt') await run('age', ['-d', '-i', identityFile, '-o', opened, output])
  await run('cmp', [plain, direction === 'encrypt' ? opened : output])
  await rm(opened, { force: true })
}

function medians(results: readonly Result[]): string {
  return results
    .map((result) => {
      const { direction, name, megabytesPerSecond, cpuSecondsPerGib, delayMs } = result
      const range = `${shown(Math.min(...megabytesPerSecond), 0)}-${shown(Math.max(...megabytesPerSecond), 0)}`
      const speed = `${shown(median(megabytesPerSecond), 0).padStart(5)} MB/s  (${range})`
      const line = `${direction}  ${name.padEnd(18)}${speed}  ${shown(median(cpuSecondsPerGib), 2)} CPU s/GiB`
      const peer = results.find((other) => other.direction === direction && other.name === 'age')
      if (peer === undefined || peer === result) return line
      const ratio = median(megabytesPerSecond) / median(peer.megabytesPerSecond)
      return `${line}  ${shown(ratio, 2)}x (target ${targets[name] ?? 'none'})  delay ${shown(median(delayMs), 1)} ms`
    })
    .join('\n')
}
