import { randomUUID } from 'node:crypto'
import { seededRandom } from '../../../scripts/chaos/random.ts'
import { signToken } from '../../../src/auth/token.ts'
import { clientOf } from '../client.ts'
import { everyOperation, filledIn } from '../operations.ts'
import type { Stage } from '../stage.ts'
import { secret } from '../system.ts'
import { makeThings } from '../things.ts'
import { expectedCloses, fuzzSocketIo, fuzzStream, fuzzTransport, fuzzWebSocket } from './doors.ts'
import { makeLine, sayBytes, statusesIn } from './lines.ts'
import { leakIn } from './run.ts'

export type LinesReport = { asked: Record<string, number>; byStatus: Record<string, number>; faults: string[] }

const lanes = 12

/** What is asked by which way, and how often of ten times. */
const ways = ['bytes', 'bytes', 'bytes', 'bytes', 'ws', 'ws', 'socket.io', 'socket.io', 'transport', 'stream'] as const

/**
 * Speaks to a server below and beside HTTP from a seed: bytes that are no requests, WebSocket, Socket.IO and the transport
 * below it, and streams of events.
 */
export async function fuzzLines(stage: Stage, { seed, times }: { seed: number; times: number }): Promise<LinesReport> {
  const url = stage.system.urls[0] ?? ''
  const report: LinesReport = { asked: {}, byStatus: {}, faults: [] }
  const owner = await clientOf(url)
  const things = await makeThings(owner)
  const strangers = await makeThings(await clientOf(url))
  const { account } = owner
  const token = await signToken(secret, { account, admin: true, expiresInSeconds: 7200 })
  const names = { token, account, taskIds: [things, strangers].map(({ taskId }) => taskId ?? '').concat(randomUUID()) }
  const paths = everyOperation().map(({ path }) => filledIn(path, things))
  const ask = async (nth: number): Promise<string | undefined> => {
    const random = seededRandom(seed * 1_000_003 + nth)
    const way = ways[random.whole(0, ways.length - 1)] ?? 'bytes'
    report.asked[way] = (report.asked[way] ?? 0) + 1
    if (way === 'ws' || way === 'socket.io') {
      const { text, closeCode } = await (way === 'ws' ? fuzzWebSocket : fuzzSocketIo)(random, url, names)
      count(report, `${way} ${closeCode ?? 'answered'}`)
      if (!expectedCloses.includes(closeCode)) return `${way}: closed with ${closeCode}`
      return wrongIn(way, text)
    }
    if (way === 'bytes') {
      const bytes = makeLine(random, paths, token)
      const heard = await sayBytes(url, bytes)
      const statuses = statusesIn(heard)
      for (const status of statuses) count(report, `${way} ${status}`)
      const said = JSON.stringify(bytes.subarray(0, 2000).toString('latin1'))
      if (!heard.hasEnded) return `bytes: no end of the connection after ${said}`
      if (statuses.some((status) => status >= 500)) return `bytes: ${heard.text.slice(0, 500)} after ${said}`
      return statuses.includes(200) ? undefined : wrongIn(way, heard.text)
    }
    const { status, text } = way === 'stream' ? await fuzzStream(random, url, names) : await fuzzTransport(random, url)
    count(report, `${way} ${status}`)
    return status >= 500 ? `${way}: answered ${status}: ${text.slice(0, 500)}` : wrongIn(way, text)
  }
  const numbers = Array.from({ length: times }, (_, nth) => nth)
  const work = async (): Promise<void> => {
    for (let nth = numbers.shift(); nth !== undefined && report.faults.length < 20; nth = numbers.shift()) {
      const fault = await ask(nth).catch((error: unknown) => `${String(error)} ${String(Object(error).cause ?? '')}`)
      if (fault !== undefined) report.faults.push(`seed ${seed}, ${nth}: ${fault}`)
    }
  }
  await Promise.all(Array.from({ length: lanes }, work))
  return report
}

function count({ byStatus }: LinesReport, what: string): void {
  byStatus[what] = (byStatus[what] ?? 0) + 1
}

function wrongIn(way: string, text: string): string | undefined {
  const leak = leakIn(text)
  if (leak !== undefined) return `${way}: said what is nobody's business: ${leak}: ${text.slice(0, 500)}`
  return text.includes('"INTERNAL"') ? `${way}: broke: ${text.slice(0, 500)}` : undefined
}
