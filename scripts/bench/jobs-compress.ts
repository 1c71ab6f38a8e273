import { execFile } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { promisify } from 'node:util'
import { type DeflateThreads, openDeflateThreads } from '../../src/archive/deflater.ts'
import type { ArchiveEntry, Range } from '../../src/archive/entry.ts'
import { openArchive } from '../../src/archive/unpack.ts'
import { archiveParts } from '../../src/archive/write.ts'
import { beginOutput, type Made, type OutputWriter } from '../../src/files/output-writer.ts'
import { openLog } from '../../src/log.ts'
import type { Storage } from '../../src/storage/contract.ts'
import { openLocalStorage } from '../../src/storage/local.ts'
import type { JobBenchmark } from './job-benchmark.ts'
import { median, scratchFolder } from './measure.ts'
import { shown } from './report.ts'

const run = promisify(execFile)
const mebibyte = 1024 * 1024
const fileBytes = 16 * mebibyte
const archiveKey = 'objects/00/01/theirs'

type Kind = 'text' | 'half text, half media'
type Subject = {
  what: 'pack' | 'unpack'
  name: string
  target: string
  megabytesPerSecond: number[]
  delayMs: number[]
  work: () => Promise<unknown>
}
type Scene = { folder: string; storage: Storage; threads: DeflateThreads; sizeBytes: number }

/**
 * Packs and unpacks files with the `zip` and `unzip` commands and with ours in turn, on two threads and with the SHA-256 that
 * every stored object has, and prints the medians. Answers what failed, a line each. Slowness is no failure.
 */
export async function benchCompress(options: JobBenchmark, print: (text: string) => void): Promise<string[]> {
  const folder = await scratchFolder(join(options.parentFolder ?? tmpdir(), 'longshore-bench'))
  const { root: log } = openLog('bench', { base: 'error', scopes: {} })
  const threads = openDeflateThreads(2)
  try {
    const storage = await openLocalStorage({ rootPath: join(folder, 'pool'), uploadsPath: undefined, log })
    const sizeBytes = options.brief ? 2 * fileBytes : 1024 * mebibyte
    print(`Node ${process.version}, ${process.platform}, ${cpus().length} CPUs, data in ${folder}`)
    const scene: Scene = { folder, storage, threads, sizeBytes }
    const failures: string[] = []
    for (const kind of ['text', 'half text, half media'] as const) {
      print(
        `${kind}: ${(kind === 'text' ? sizeBytes / 2 : sizeBytes) / mebibyte} MiB, ${options.rounds} rounds in turn`,
      )
      failures.push(...(await compare(scene, kind, options.rounds, print)))
    }
    return failures
  } finally {
    await threads.close()
    await rm(folder, { recursive: true, force: true })
  }
}

async function compare(scene: Scene, kind: Kind, rounds: number, print: (text: string) => void): Promise<string[]> {
  const names = await prepare(scene, kind)
  const files = join(scene.folder, 'pool', 'objects', '00', '00')
  const archive = join(scene.folder, 'pool', archiveKey)
  await mkdir(dirname(archive), { recursive: true })
  const target = kind === 'text' ? '>= 1.6' : '>= 3'
  const results = [
    subject('pack', 'zip -6', 'none', () => run('sh', ['-c', 'zip -q -6 -r - . > "$0"', archive], { cwd: files })),
    subject('pack', 'ours', target, () => pack(scene, names)),
    subject('unpack', 'unzip', 'none', () => run('unzip', ['-q', archive, '-d', join(scene.folder, 'unpacked')])),
    subject('unpack', 'ours', '>= 1.5', async () => unpack(scene, (await stat(archive)).size)),
  ]
  const sizeBytes = names.length * fileBytes
  const failures: string[] = []
  for (let round = 1; round <= rounds; round++) {
    await rm(archive, { force: true })
    for (const result of results) {
      try {
        await measure(result, sizeBytes)
        print(`round ${round}  ${result.what}, ${result.name}: ${shown(result.megabytesPerSecond.at(-1), 0)} MB/s`)
      } catch (error) {
        failures.push(`round ${round}, ${kind}, ${result.what}, ${result.name}: ${String(error)}`)
      }
      await rm(join(scene.folder, 'unpacked'), { recursive: true, force: true })
    }
  }
  print(`\nMedians; delay is the 99th percentile of our event loop's\n${medians(results)}\n`)
  return failures
}

function subject(what: Subject['what'], name: string, target: string, work: Subject['work']): Subject {
  return { what, name, target, work, megabytesPerSecond: [], delayMs: [] }
}

/** Puts the files into the pool as objects, where the commands find them too. */
async function prepare({ folder, sizeBytes }: Scene, kind: Kind): Promise<string[]> {
  const objects = join(folder, 'pool', 'objects', '00', '00')
  await rm(objects, { recursive: true, force: true })
  await mkdir(objects, { recursive: true })
  const perKind = sizeBytes / 2 / fileBytes
  for (let index = 0; index < perKind; index++) await writeFile(join(objects, `text-${index}`), textOf(fileBytes))
  if (kind === 'text') return readdir(objects)
  for (let index = 0; index < perKind; index++) await writeFile(join(objects, `media-${index}`), randomBytes(fileBytes))
  return readdir(objects)
}

/** Words as often as in a language: deflate makes about two fifths of it. */
function textOf(sizeBytes: number): Buffer {
  const letters = randomBytes(40_000)
  const words = Array.from({ length: 5000 }, (_, index) => {
    const length = 2 + ((letters[index] ?? 0) % 9)
    return `${Array.from(letters.subarray(index * 7, index * 7 + length), (byte) => String.fromCharCode(97 + (byte % 26))).join('')} `
  })
  const random = randomBytes(sizeBytes)
  const pieces: string[] = []
  let length = 0
  for (let at = 0; length < sizeBytes; at = (at + 4) % (random.length - 4)) {
    const word = words[Math.floor(5000 * (random.readUInt32LE(at) / 2 ** 32) ** 3)] ?? ''
    pieces.push(word)
    length += word.length
  }
  return Buffer.from(pieces.join('').slice(0, sizeBytes))
}

async function pack({ storage, threads }: Scene, names: readonly string[]): Promise<void> {
  const entries = names.map(
    (name): ArchiveEntry => ({
      name,
      sizeBytes: fileBytes,
      modifiedAt: new Date(0),
      isDense: false,
      read: (range) => read(storage, `objects/00/00/${name}`, range),
    }),
  )
  const output = await begin(storage)
  const tools = { deflater: threads, zstd: undefined }
  for await (const part of archiveParts({ format: 'zip', level: 6, entries }, tools, undefined)) {
    for (const piece of part.pieces) await output.write(piece)
    part.release()
  }
  await output.finish()
  await output.abandon()
}

/** Two entries at a time. */
async function unpack({ storage, sizeBytes }: Scene, archiveBytes: number): Promise<void> {
  const source = { sizeBytes: archiveBytes, read: (range: Range) => read(storage, archiveKey, range) }
  const limits = { mostEntries: 1000, mostBytes: sizeBytes, mostRatio: 1000 }
  const opened = await openArchive('x.zip', source, { limits, zstd: undefined })
  if (opened.kind !== 'any order') throw new Error('a zip file is read in any order')
  const rest = opened.files.values()
  const work = async (): Promise<void> => {
    for (const file of rest) {
      const output = await begin(storage)
      for await (const piece of file.bytes()) await output.write(piece)
      await output.finish()
      await output.abandon()
    }
  }
  await Promise.all([work(), work()])
}

function begin(storage: Storage): Promise<OutputWriter> {
  const id = randomUUID()
  const onFinished = async (made: Made) => ({ id, slot: '', poolId: '', ...made })
  return beginOutput({ storage, name: { id, epoch: 1 }, judge: undefined, onSaved: async () => {}, onFinished })
}

async function* read(storage: Storage, key: string, range: Range): AsyncGenerator<Buffer> {
  const stream = await storage.read(key, range)
  if (stream === undefined) throw new Error(`there is no ${key}`)
  for await (const piece of stream) if (Buffer.isBuffer(piece)) yield piece
}

async function measure(result: Subject, sizeBytes: number): Promise<void> {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const startedMs = performance.now()
  await result.work()
  result.megabytesPerSecond.push(sizeBytes / 1e3 / (performance.now() - startedMs))
  delay.disable()
  result.delayMs.push(delay.percentile(99) / 1e6)
}

function medians(results: readonly Subject[]): string {
  return results
    .map(({ what, name, target, megabytesPerSecond, delayMs }) => {
      const speed = median(megabytesPerSecond)
      const line = `${what.padEnd(8)}${name.padEnd(8)}${shown(speed, 0).padStart(5)} MB/s`
      const peer = results.find((other) => other.what === what)
      if (peer === undefined || target === 'none') return line
      const ratio = shown(speed / median(peer.megabytesPerSecond), 2)
      return `${line}  ${ratio}x (target ${target})  delay ${shown(median(delayMs), 1)} ms`
    })
    .join('\n')
}
