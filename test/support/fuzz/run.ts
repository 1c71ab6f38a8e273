import { randomUUID } from 'node:crypto'
import { seededRandom } from '../../../scripts/chaos/random.ts'
import { signToken } from '../../../src/auth/token.ts'
import { clientOf } from '../client.ts'
import { everyOperation, type Walked } from '../operations.ts'
import type { Stage } from '../stage.ts'
import { secret } from '../system.ts'
import { makeThings } from '../things.ts'
import { pollution } from './hostile.ts'
import { type FuzzRequest, makeRequest } from './requests.ts'

/** What came of a run: how many requests were answered with which status, the slowest one, and what was wrong. */
export type FuzzReport = {
  requests: number
  operations: number
  byStatus: Record<number, number>
  /** Of those that were as the document wants them, how many were refused as if they were not. */
  validRefused: Record<string, number>
  slowestMs: number
  faults: string[]
}

/** Settings under which nothing but what is asked about refuses. */
export const fuzzSettings = { RATE_LIMIT_ACCOUNT_PER_MINUTE: '10000000', RATE_LIMIT_ADDRESS_PER_MINUTE: '10000000' }

const hangMs = 15_000
const lanes = 12
const seasonLength = 600
/** Nobody's business: where the code lies and breaks, where the ledger is and what was asked of it, what signs and seals. */
const secrets = new RegExp(
  `node_modules|\\.[tj]s:\\d+|\\n +at |postgres(ql)?://|PostgresError|syntax error|violates|longshore-test-|${secret}|${Buffer.alloc(32, 'a key for tests').toString('base64').slice(0, 20)}`,
)

/**
 * Makes requests of the document from a seed, the same for the same seed but for the ids of what there is. What they delete
 * is there again, as another account's, after so many of them.
 */
export async function fuzz(stage: Stage, { seed, requests }: { seed: number; requests: number }): Promise<FuzzReport> {
  const url = stage.system.urls[0] ?? ''
  const report: FuzzReport = { requests: 0, operations: 0, byStatus: {}, validRefused: {}, slowestMs: 0, faults: [] }
  const admin = await signToken(secret, { account: randomUUID(), admin: true, expiresInSeconds: 7200 })
  const operations = everyOperation()
  report.operations = operations.length
  let others = await makeThings(await clientOf(url))
  for (let begun = 0; begun < requests; begun += seasonLength) {
    await openDefaultPool(url, admin, others['poolId'] ?? '')
    const owner = await clientOf(url)
    const things = await makeThings(owner)
    const numbers = Array.from({ length: Math.min(seasonLength, requests - begun) }, (_, nth) => begun + nth)
    const season = { ids: [things, things, others], tokens: { admin, ordinary: owner.token }, operations, seed, url }
    const work = async (): Promise<void> => {
      for (let nth = numbers.shift(); nth !== undefined && report.faults.length < 20; nth = numbers.shift()) {
        await ask(season, nth, report)
      }
    }
    await Promise.all(Array.from({ length: lanes }, work))
    others = things
  }
  return report
}

type Season = {
  ids: Record<string, string>[]
  tokens: { admin: string; ordinary: string }
  operations: Walked[]
  seed: number
  url: string
}

async function ask({ ids, tokens, operations, seed, url }: Season, nth: number, report: FuzzReport): Promise<void> {
  const random = seededRandom(seed * 1_000_003 + nth)
  const operation = operations[random.whole(0, operations.length - 1)]
  if (!operation) return
  const { admin, ordinary } = tokens
  const request = makeRequest(random, operation, ids)
  const good = operation.scope?.includes('admin') ? admin : ordinary
  const token = random.next() < 0.8 ? good : random.pick([admin, ordinary, 'x.y.z', ''])
  const headers = { ...request.headers, authorization: `Bearer ${token}` }
  const fault = await faultOf(url, { ...request, headers }, report)
  if (fault !== undefined) report.faults.push(`seed ${seed}, request ${nth}: ${fault}\n  ${shown(request)}`)
}

/** What is in a text that is nobody's business. */
export function leakIn(text: string): string | undefined {
  return secrets.exec(text)?.[0]
}

/** Administrators may have closed it, and then nothing could be uploaded. */
async function openDefaultPool(url: string, admin: string, poolId: string): Promise<void> {
  const headers = { authorization: `Bearer ${admin}`, 'content-type': 'application/json' }
  const fields = ['maxFileSize', 'acceptedTypes', 'allowedAccounts', 'permission', 'encryption', 'directUpload']
  const policy = Object.fromEntries(fields.map((field) => [field, null]))
  const place = `${url}/api/admin/pools/${poolId}`
  await fetch(place, { method: 'PATCH', headers, body: JSON.stringify({ policy }) })
  await fetch(`${place}/enable`, { method: 'POST', headers })
}

async function faultOf(url: string, request: FuzzRequest, report: FuzzReport): Promise<string | undefined> {
  const begunAt = performance.now()
  try {
    const { method, headers, body, isCompressed, kind, name } = request
    const options = { method, headers, signal: AbortSignal.timeout(hangMs), redirect: 'manual' } as const
    const response = await fetch(url + request.path, { ...options, ...(body === undefined ? {} : { body }) })
    const text = await response.text()
    const { status } = response
    report.requests++
    report.byStatus[status] = (report.byStatus[status] ?? 0) + 1
    report.slowestMs = Math.max(report.slowestMs, performance.now() - begunAt)
    if (kind === 'valid' && text.includes('is not a known field')) {
      return `what the document has is refused: ${text.slice(0, 500)}`
    }
    if (kind === 'valid' && status === 400) report.validRefused[name] = (report.validRefused[name] ?? 0) + 1
    if (isCompressed && status < 400) return 'a compressed body was read'
    if (status >= 500 && !isHealth(request)) return `answered ${status}: ${text.slice(0, 500)}`
    if (response.headers.has('x-injected') || response.headers.get('set-cookie')?.includes('injected')) {
      return 'a value became a header field'
    }
    const leak = leakIn(text)
    if (leak !== undefined && !isDocument(request))
      return `answered what is nobody's business: ${leak}: ${text.slice(0, 500)}`
    if (text.includes(pollution) && !(body instanceof FormData) && !body?.includes(pollution))
      return `every object has become another: ${text.slice(0, 500)}`
    return undefined
  } catch (error) {
    return `after ${Math.round(performance.now() - begunAt)} ms: ${String(error)} ${String(Object(error).cause ?? '')}`
  }
}

/** Without workers the server says of itself that it is not well. */
function isHealth({ path }: FuzzRequest): boolean {
  return path.startsWith('/health/')
}

function isDocument({ path }: FuzzRequest): boolean {
  return path.startsWith('/docs') || path.startsWith('/openapi.json')
}

function shown({ kind, method, path, headers, body }: FuzzRequest): string {
  const content = body instanceof FormData ? 'a form' : String(body)
  return `${kind} ${method} ${path.slice(0, 400)} ${JSON.stringify(headers).slice(0, 400)} ${content.slice(0, 800)}`
}
