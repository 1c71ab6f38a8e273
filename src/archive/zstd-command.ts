import { spawn } from 'node:child_process'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { AppError } from '../errors.ts'
import type { Zstd } from './zstd-contract.ts'

/** Nothing of this process's own, which has secrets in it. */
const environment = { PATH: '/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin' }
const mostErrorCharacters = 1000

/** The `zstd` command; undefined where it is not installed. */
export async function findZstdCommand(): Promise<Zstd | undefined> {
  try {
    await collect(throughZstd(['--version'], []))
  } catch {
    return undefined
  }
  return {
    compress: (bytes, level) =>
      collect(throughZstd([`-${level}`, '--single-thread', `--stream-size=${bytes.length}`], [bytes])),
    decompressFrame: (source) => throughZstd(['-d', '-M64MB'], source),
  }
}

/** What the command makes of a stream. It is killed when its reader stops. */
async function* throughZstd(
  args: readonly string[],
  source: Iterable<Buffer> | AsyncIterable<Buffer>,
): AsyncGenerator<Buffer> {
  const child = spawn('zstd', ['-q', '-c', ...args], { stdio: 'pipe', env: environment })
  const exited = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject).once('close', resolve)
  })
  let complaint = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(0, mostErrorCharacters)
  })
  // What the source throws is met below; that the command has gone is told by its exit.
  const feeding = pipeline(Readable.from(source), child.stdin).catch((error: unknown) => {
    if (child.exitCode === null && !isBrokenPipe(error)) throw error
  })
  feeding.catch(() => child.kill('SIGKILL'))
  exited.catch(() => undefined)
  try {
    for await (const piece of child.stdout) if (Buffer.isBuffer(piece)) yield piece
    await feeding
    if ((await exited) !== 0)
      throw new AppError('ARCHIVE_DAMAGED', 'The zstd frames are damaged.', { cause: new Error(complaint) })
  } finally {
    child.kill('SIGKILL')
    child.stdin.destroy()
    await Promise.allSettled([feeding, exited])
  }
}

function isBrokenPipe(error: unknown): boolean {
  return (
    error instanceof Error && 'code' in error && (error.code === 'EPIPE' || error.code === 'ERR_STREAM_PREMATURE_CLOSE')
  )
}

async function collect(pieces: AsyncIterable<Buffer>): Promise<Buffer> {
  const collected: Buffer[] = []
  for await (const piece of pieces) collected.push(piece)
  return Buffer.concat(collected)
}
