import { rm } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDatabaseServer } from './database-server.ts'
import { type Measured, scratchFolder, type Subject } from './measure.ts'
import { measureCrowd, measureLatency } from './our-limits.ts'
import { ourTuning } from './our-stack.ts'
import { ours } from './ours.ts'
import { makePayload } from './payload.ts'
import { peers } from './peers.ts'
import { finishTable, inMegabytes, mediansTable, type Result, ratiosTable, shown } from './report.ts'

const mebibyte = 1024 * 1024

export type UploadBenchmark = {
  rounds: number
  /** How large the one upload of a round is. */
  sizeMebibytes: number
  /** Tiny sizes: shows that everything runs, says nothing about speed. */
  brief: boolean
  /** Leave ours out, and with it Postgres. */
  peersOnly: boolean
  /** A server on which databases may be made; undefined: an embedded one is started. */
  databaseUrl: string | undefined
  /** Where all data of the run lies; removed after it. */
  parentFolder: string | undefined
  log: (line: string) => void
}

type Print = (text: string) => void

/**
 * Measures uploads to ours and to its peers in turn and prints the tables as it goes. Answers what failed, a line each:
 * an upload that did not become a file, a server that did not start. Slowness is no failure.
 */
export async function benchUpload(options: UploadBenchmark, print: Print): Promise<string[]> {
  const folder = await scratchFolder(join(options.parentFolder ?? tmpdir(), 'longshore-bench'))
  try {
    if (options.peersOnly) return await compare(options, peers, folder, print)
    const database = await openDatabaseServer(options)
    try {
      const failures = await compare(options, [...peers, ...ours(database.databaseUrl)], folder, print)
      return [...failures, ...(await limits(options, database.databaseUrl, folder, print))]
    } finally {
      await database.stop()
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function compare(
  { rounds, sizeMebibytes, brief }: UploadBenchmark,
  subjects: readonly Subject[],
  folder: string,
  print: Print,
): Promise<string[]> {
  const payload = brief ? makePayload(4 * mebibyte, mebibyte / 4) : makePayload(sizeMebibytes * mebibyte, 8 * mebibyte)
  print(
    `${payload.sizeBytes / mebibyte} MiB in pieces of ${payload.pieceSizeBytes / 1024} KiB, ${rounds} rounds in turn`,
  )
  print(
    `Node ${process.version}, ${process.platform}, ${cpus().length} CPUs (shared by client and server), data in ${folder}`,
  )
  const { web } = await ourTuning()
  const words = [...Object.entries(web.env).map(([name, value]) => `${name}=${value}`), 'node', ...web.nodeOptions]
  print(`Ours is run as the Procfile says, ${words.join(' ')}; peers as they come`)
  const failures: string[] = []
  const results: Result[] = [1, 8].flatMap((atOnce) => subjects.map(({ name }) => ({ name, atOnce, rounds: [] })))
  for (let round = 1; round <= rounds; round++) {
    for (const result of results) {
      const subject = subjects.find(({ name }) => name === result.name)
      try {
        const measured = await subject?.measure({ payload, atOnce: result.atOnce, folder })
        if (measured) result.rounds.push(measured)
        print(roundLine(round, result, measured))
      } catch (error) {
        failures.push(`round ${round}, ${result.name}, ${result.atOnce} at once: ${messageOf(error)}`)
        print(failures.at(-1) ?? '')
      }
    }
  }
  const measured = results.filter((result) => result.rounds.length > 0)
  print(`\nMedians (server CPU and memory are the API process's alone)\n${mediansTable(measured)}`)
  print(`\nAgainst the better of tus and diskStorage\n${ratiosTable(measured)}`)
  print('\nFinishing, against one pass of SHA-256 over the same file by another Node process')
  print(
    `(1 MiB reads from the page cache); CPU in seconds per GiB, Postgres' over the whole upload\n${finishTable(measured)}`,
  )
  return failures
}

function roundLine(round: number, { name, atOnce }: Result, measured: Measured | undefined): string {
  const speed = `${shown(measured?.megabytesPerSecond, 0)} MB/s`
  const finish = measured?.finish ? `, complete ${shown(measured.finish.completeMs, 0)} ms` : ''
  return `round ${round}  ${name}, ${atOnce} at once: ${speed}, ${shown(measured?.cpuSecondsPerGib, 2)} CPU s/GiB${finish}`
}

async function limits(
  { brief }: UploadBenchmark,
  databaseUrl: string,
  folder: string,
  print: Print,
): Promise<string[]> {
  const failures: string[] = []
  print('\nMany uploads at once, and one on an idle system')
  const crowds = [
    { uploads: 8, sizeBytes: (brief ? 2 : 256) * mebibyte, targetMb: 120 },
    { uploads: 128, sizeBytes: (brief ? 1 / 16 : 16) * mebibyte, targetMb: 300 },
  ]
  for (const { targetMb, ...plan } of crowds) {
    try {
      const crowd = await measureCrowd(databaseUrl, folder, plan)
      const rise = shown(inMegabytes(crowd.risenRssBytes), 0)
      const what = `${plan.uploads} uploads of ${plan.sizeBytes / mebibyte} MiB`
      print(
        `${what}: API RSS above idle ${rise} MB (target <= ${targetMb}), failed ${crowd.failures.length} (target 0)`,
      )
      failures.push(...crowd.failures)
    } catch (error) {
      failures.push(`${plan.uploads} at once: ${messageOf(error)}`)
    }
  }
  try {
    const count = brief ? 4 : 40
    const sizeBytes = (brief ? 1 : 5) * mebibyte
    const { p50Ms, p95Ms } = await measureLatency(databaseUrl, folder, { count, sizeBytes })
    const what = `${sizeBytes / mebibyte} MiB from create to file, ${count} times`
    print(`${what}: p50 ${shown(p50Ms, 0)} ms, p95 ${shown(p95Ms, 0)} ms (target <= 300)`)
  } catch (error) {
    failures.push(`create to file: ${messageOf(error)}`)
  }
  return failures
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
