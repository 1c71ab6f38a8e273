import { spawn } from 'node:child_process'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type Finish, type Measured, measureLoad, type Run, type Subject, scriptPath } from './measure.ts'
import { openOurClient, type Way, warmUp } from './our-client.ts'
import { type OurStack, startOurStack } from './our-stack.ts'
import type { Payload } from './payload.ts'
import { eachAtOnce, openSender } from './send.ts'
import { readUsage } from './usage.ts'

/** Ours, each way a chunk can come. */
export function ours(databaseUrl: string): readonly Subject[] {
  return [
    { name: 'ours, multipart', measure: (run) => measureOurs(databaseUrl, run, 'multipart') },
    { name: 'ours, PUT', measure: (run) => measureOurs(databaseUrl, run, 'put') },
  ]
}

async function measureOurs(databaseUrl: string, { payload, atOnce, folder }: Run, way: Way): Promise<Measured> {
  const stack = await startOurStack(databaseUrl, folder)
  const sender = openSender(atOnce)
  try {
    await warmUp(stack.url, stack.secret, sender)
    const client = await openOurClient(stack.url, stack.secret, sender)
    const postgresBefore = await stack.postgresCpuSeconds()
    const taskId = await client.create(payload)
    const measured = await measureLoad(stack.api.pid, payload.sizeBytes, () =>
      eachAtOnce(payload.pieces, atOnce, (index) => client.sendChunk(taskId, payload, index, way)),
    )
    const finish = await measureFinish(stack, payload, () => client.complete(taskId))
    const postgresAfter = await stack.postgresCpuSeconds()
    const postgresCpuSecondsPerGib = perGib(postgresBefore, postgresAfter, payload)
    return { ...measured, finish: { ...finish, postgresCpuSecondsPerGib } }
  } finally {
    sender.close()
    await stack.stop()
  }
}

type WithoutPostgres = Omit<Finish, 'postgresCpuSecondsPerGib'>

async function measureFinish(
  stack: OurStack,
  payload: Payload,
  complete: () => Promise<void>,
): Promise<WithoutPostgres> {
  const before = await readUsage(stack.worker.pid)
  const startedMs = performance.now()
  await complete()
  const completeMs = performance.now() - startedMs
  const after = await readUsage(stack.worker.pid)
  const hashPassMs = await timeHashPass(await findFile(stack.dataDir, payload.sizeBytes), payload.hash)
  const workerCpuSecondsPerGib = perGib(before?.cpuSeconds, after?.cpuSeconds, payload)
  return { completeMs, hashPassMs, workerCpuSecondsPerGib }
}

function perGib(before: number | undefined, after: number | undefined, payload: Payload): number | undefined {
  if (before === undefined || after === undefined) return undefined
  return ((after - before) * 1024 ** 3) / payload.sizeBytes
}

/** The finished file: the one under the data folder that has its size. */
async function findFile(dataDir: string, sizeBytes: number): Promise<string> {
  for (const entry of await readdir(dataDir, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isFile() && (await stat(path)).size === sizeBytes) return path
  }
  throw new Error(`no file of ${sizeBytes} bytes lies under ${dataDir} after the upload was completed`)
}

/** Times one pass of SHA-256 in a process that does nothing else, and checks that the file is the one that was sent. */
async function timeHashPass(path: string, expectedHash: string): Promise<number> {
  const child = spawn(process.execPath, [scriptPath('scripts/bench/hash-pass.js'), path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const result: unknown = JSON.parse(await text(child.stdout))
  const { passMs, hash }: { passMs?: unknown; hash?: unknown } =
    typeof result === 'object' && result !== null ? result : {}
  if (hash !== expectedHash) throw new Error(`${path} is not what was sent: SHA-256 ${String(hash)}`)
  if (typeof passMs !== 'number') throw new Error('the pass of SHA-256 said nothing of its time')
  return passMs
}
