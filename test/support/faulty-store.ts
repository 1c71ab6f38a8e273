import { once } from 'node:events'
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { pipeline } from 'node:stream/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { atEndOfEachFile } from './end-of-file.ts'

/** What is done to a request instead of passing it on and answering what the store says. */
export type Fault =
  /** An answer that is not the store's. `reached`: the store has done what it was asked, but nobody learns of it. */
  | { kind: 'answer'; status: number; body: string; reached: boolean }
  /** The connection is reset when so many bytes of the request's body have come. */
  | { kind: 'reset request'; afterBytes: number }
  /** The store's answer breaks off after so many bytes of its body: by a reset, or by an end that looks orderly. */
  | { kind: 'cut answer'; afterBytes: number; by: 'reset' | 'end' }
  /** Nothing comes back for so long: before the store is asked, or when it has answered. Then it goes on as usual. */
  | { kind: 'stall'; forMs: number; before: 'store' | 'answer' }

export type Match = {
  method?: string
  /** Names in the query; all must be there. `uploads` creates, `partNumber` sends, `uploadId` with POST completes. */
  query?: readonly string[]
  /** How the path ends. */
  path?: string
  /** Header fields that must be there, in lower case. */
  headers?: readonly string[]
}

export type Injection = {
  /** How many requests it has struck. */
  readonly hits: number
  /** Resolves when the next request is struck. */
  next: () => Promise<void>
  /** Strikes no more. */
  end: () => void
}

/** An S3 store behind a network that does what one tells it. */
export type FaultyStore = {
  endpoint: string
  /** Strikes the next `times` requests that match, or all; the fault injected first comes first. */
  inject: (match: Match, fault: Fault, times?: number) => Injection
  /** What was asked since the last look: method, path and query. */
  takeRequests: () => string[]
  close: () => Promise<void>
}

/** The store asks to be spared for a while. */
export const slowDown: Fault = failure(503, 'SlowDown')

/** An error of S3 in its own words; `reached` when the store has done what it was asked nevertheless. */
export function failure(status: number, code: string, { reached = false } = {}): Fault {
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>injected</Message></Error>`
  return { kind: 'answer', status, body, reached }
}

const closings: (() => Promise<void>)[] = []

atEndOfEachFile(async () => {
  for (const close of closings.splice(0)) await close()
})

type Rule = { match: Match; fault: Fault; left: number; hits: number; waiting: (() => void)[] }

/**
 * Passes requests on to an S3 store over connections that are kept alive, both ways, and strikes those it is told to. The Host
 * field stays as the client signed it. It is closed at the end of the test file at the latest.
 */
export async function startFaultyStore(storeEndpoint: string): Promise<FaultyStore> {
  const rules: Rule[] = []
  let requests: string[] = []
  const agent = new Agent({ keepAlive: true })
  const sockets = new Set<Socket>()
  const take = (incoming: IncomingMessage, answer: ServerResponse, asksFirst: boolean): void => {
    requests.push(`${incoming.method} ${incoming.url}`)
    const fault = strike(rules, incoming)
    if (asksFirst && fault?.kind === 'answer' && !fault.reached) {
      // Whoever asks whether its body is wanted is told before it comes.
      answerInstead(answer, fault)
      return
    }
    if (asksFirst) answer.writeContinue()
    serve(new URL(storeEndpoint), agent, incoming, answer, fault).catch(() => incoming.socket.destroy())
  }
  const server = createServer((incoming, answer) => take(incoming, answer, false))
  server.on('checkContinue', (incoming: IncomingMessage, answer: ServerResponse) => take(incoming, answer, true))
  server.keepAliveTimeout = 60_000
  server.on('connection', (socket) => {
    sockets.add(socket.once('close', () => sockets.delete(socket)))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const close = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy()
    agent.destroy()
    if (server.listening) await once(server.close(), 'close')
  }
  closings.push(close)
  return {
    endpoint: `http://127.0.0.1:${Object(server.address()).port}`,
    inject: (match, fault, times = Number.POSITIVE_INFINITY) => {
      const rule: Rule = { match, fault, left: times, hits: 0, waiting: [] }
      rules.push(rule)
      return {
        get hits() {
          return rule.hits
        },
        next: () => new Promise((resolve) => rule.waiting.push(resolve)),
        end: () => {
          rule.left = 0
        },
      }
    },
    takeRequests: () => {
      const taken = requests
      requests = []
      return taken
    },
    close,
  }
}

function strike(rules: Rule[], incoming: IncomingMessage): Fault | undefined {
  const rule = rules.find(({ match, left }) => left > 0 && matches(match, incoming))
  if (rule === undefined) return undefined
  rule.left--
  rule.hits++
  for (const resolve of rule.waiting.splice(0)) resolve()
  return rule.fault
}

function matches({ method, query = [], path = '', headers = [] }: Match, incoming: IncomingMessage): boolean {
  const url = new URL(incoming.url ?? '/', 'http://any')
  return (
    (method === undefined || method === incoming.method) &&
    query.every((name) => url.searchParams.has(name)) &&
    url.pathname.endsWith(path) &&
    headers.every((name) => incoming.headers[name] !== undefined)
  )
}

async function serve(
  store: URL,
  agent: Agent,
  incoming: IncomingMessage,
  answer: ServerResponse,
  fault: Fault | undefined,
): Promise<void> {
  if (fault?.kind === 'reset request') return resetRequest(incoming, fault.afterBytes)
  if (fault?.kind === 'answer' && !fault.reached) {
    incoming.resume()
    if (!incoming.complete) await once(incoming, 'end')
    answerInstead(answer, fault)
    return
  }
  if (fault?.kind === 'stall' && fault.before === 'store') await delay(fault.forMs)
  const answered = await ask(store, agent, incoming, answer)
  if (fault?.kind === 'stall' && fault.before === 'answer') await delay(fault.forMs)
  if (fault?.kind === 'answer') {
    answered.resume()
    await once(answered, 'end')
    answerInstead(answer, fault)
    return
  }
  answer.writeHead(answered.statusCode ?? 500, answered.rawHeaders)
  if (fault?.kind === 'cut answer') return cutAnswer(answered, answer, fault)
  await pipeline(answered, answer)
}

async function ask(store: URL, agent: Agent, incoming: IncomingMessage, answer: ServerResponse) {
  const { method, url: path, rawHeaders: headers } = incoming
  const { hostname, port } = store
  const outgoing = request({ agent, hostname, port, method, path, headers, setHost: false })
  // Whoever is gone has nothing done any more.
  answer.once('close', () => outgoing.destroy())
  outgoing.on('error', () => incoming.socket.destroy())
  incoming.pipe(outgoing)
  const [answered] = await once(outgoing, 'response')
  return answered as IncomingMessage
}

function answerInstead(answer: ServerResponse, { status, body }: { status: number; body: string }): void {
  answer.writeHead(status, { 'Content-Type': 'application/xml', 'Content-Length': Buffer.byteLength(body) })
  answer.end(body)
}

async function resetRequest(incoming: IncomingMessage, afterBytes: number): Promise<void> {
  let seenBytes = 0
  if (afterBytes > 0) {
    for await (const piece of incoming.iterator({ destroyOnReturn: false })) {
      seenBytes += Buffer.byteLength(piece)
      if (seenBytes >= afterBytes) break
    }
  }
  incoming.socket.resetAndDestroy()
}

async function cutAnswer(
  answered: IncomingMessage,
  answer: ServerResponse,
  { afterBytes, by }: { afterBytes: number; by: 'reset' | 'end' },
): Promise<void> {
  let leftBytes = afterBytes
  answer.flushHeaders()
  for await (const piece of answered as AsyncIterable<Buffer>) {
    const kept = piece.subarray(0, leftBytes)
    leftBytes -= kept.length
    await new Promise((resolve) => answer.write(kept, resolve))
    if (leftBytes === 0) break
  }
  if (by === 'reset') answer.socket?.resetAndDestroy()
  else answer.socket?.end()
}
