import type { LookupAddress } from 'node:dns'
import { lookup as askSystem, Resolver } from 'node:dns/promises'
import { type IncomingMessage, request as requestPlain } from 'node:http'
import { request as requestTls } from 'node:https'
import type { LookupFunction } from 'node:net'
import { callbackify } from 'node:util'
import { systemCode } from '../errors.ts'
import { isPublicAddress } from './addresses.ts'
import { type AllowedHosts, flawOf, isAllowed } from './destination.ts'

export type Posting = { url: string; headers: Record<string, string>; body: string | Buffer }

export type PostLimits = {
  /** For all of it: looking the name up, connecting, sending, and the answer to its end. */
  timeoutMs: number
  /** More of an answer is not read. */
  answerBytes: number
}

/** What came of it: the status that was answered, or a code for why there was none. */
export type PostOutcome =
  | { status: number; retryAfter: string | undefined }
  | { error: 'ADDRESS_REFUSED' | 'TIMEOUT' | 'STOPPED' | 'NAME_NOT_FOUND' | 'TLS_FAILED' | 'CONNECTION_FAILED' }

export type Post = (posting: Posting, stop?: AbortSignal) => Promise<PostOutcome>

/** All addresses of a name. */
export type LookUp = (hostname: string) => Promise<LookupAddress[]>

export type Network = { findAddresses: LookUp; isPublic: (address: string) => boolean }

/**
 * Sends requests to where others say, and nowhere else: each goes over a connection of its own to an address that was
 * checked, which is the very one that is connected to, whatever the name leads to a moment later; redirects are answers
 * like any other. Never throws. Of an answer only the status is kept, so that nobody reads another's pages through us.
 */
export function createPost(
  allowed: AllowedHosts,
  { timeoutMs, answerBytes }: PostLimits,
  { findAddresses, isPublic }: Network = { findAddresses: askNameServers, isPublic: isPublicAddress },
): Post {
  const checkedLookUp = asConnectionsDo(async (hostname) => {
    const addresses = await findAddresses(hostname)
    // One that is refused is enough to refuse all: which one is connected to is not ours to foresee.
    if (addresses.every(({ address }) => isPublic(address))) return addresses
    throw new AddressRefused(hostname)
  })
  return async ({ url, headers, body }, stop) => {
    if (flawOf(url, allowed) !== undefined) return { error: 'ADDRESS_REFUSED' }
    const target = new URL(url)
    const timeout = AbortSignal.timeout(timeoutMs)
    const signal = stop === undefined ? timeout : AbortSignal.any([timeout, stop])
    try {
      return await send(target, {
        headers: { ...headers, 'Content-Length': String(Buffer.byteLength(body)) },
        body,
        signal,
        answerBytes,
        lookup: isAllowed(target, allowed) ? systemLookUp : checkedLookUp,
      })
    } catch (error) {
      if (stop?.aborted) return { error: 'STOPPED' }
      return { error: timeout.aborted ? 'TIMEOUT' : errorOf(error) }
    }
  }
}

/**
 * Asks the name servers by itself. The system's own way of looking up takes one of the few threads that files are read and
 * written by for as long as a name server likes, and whose that is is for strangers to say.
 */
async function askNameServers(hostname: string): Promise<LookupAddress[]> {
  const resolver = new Resolver({ timeout: 2000, tries: 2 })
  const [four, six] = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)])
  if (four.status === 'rejected' && six.status === 'rejected') throw four.reason
  return [...found(four, 4), ...found(six, 6)]
}

function found(answer: PromiseSettledResult<string[]>, family: number): LookupAddress[] {
  return answer.status === 'fulfilled' ? answer.value.map((address) => ({ address, family })) : []
}

/** A host that a setting names may be known to this machine alone. */
const systemLookUp = asConnectionsDo((hostname) => askSystem(hostname, { all: true }))

type Sending = {
  headers: Record<string, string>
  body: string | Buffer
  signal: AbortSignal
  answerBytes: number
  lookup: LookupFunction
}

function send(target: URL, { headers, body, signal, answerBytes, lookup }: Sending): Promise<PostOutcome> {
  return new Promise((resolve, reject) => {
    const open = target.protocol === 'https:' ? requestTls : requestPlain
    const request = open(target, { method: 'POST', headers, agent: false, signal, lookup }, (response) => {
      readAway(response, answerBytes).then(() => {
        request.destroy()
        resolve({ status: response.statusCode ?? 0, retryAfter: response.headers['retry-after'] })
      }, reject)
    })
    request.on('error', reject)
    request.end(body)
  })
}

/** Reads an answer to its end, or as far as it may go. Fails when it breaks off before. */
async function readAway(response: IncomingMessage, mostBytes: number): Promise<void> {
  let readBytes = 0
  for await (const piece of response) {
    readBytes += Buffer.isBuffer(piece) ? piece.length : 0
    if (readBytes > mostBytes) return
  }
}

class AddressRefused extends Error {
  constructor(hostname: string) {
    super(`${hostname} leads to an address that is not public`)
    this.name = 'AddressRefused'
  }
}

/** Looks names up as a connection wants it. */
function asConnectionsDo(findAddresses: LookUp): LookupFunction {
  const find = callbackify(findAddresses)
  return (hostname, { all }, callback) => {
    find(hostname, (error: NodeJS.ErrnoException | null, addresses) => {
      const [first] = addresses ?? []
      if (error !== null || first === undefined) return callback(error ?? notFound(hostname), [])
      if (all === true) callback(null, addresses)
      else callback(null, first.address, first.family)
    })
  }
}

function notFound(hostname: string): Error {
  return Object.assign(new Error(`${hostname} has no address`), { code: 'ENOTFOUND' })
}

function errorOf(error: unknown): Extract<PostOutcome, { error: unknown }>['error'] {
  if (error instanceof AddressRefused) return 'ADDRESS_REFUSED'
  const code = systemCode(error) ?? ''
  if (/^(ENOTFOUND|ENODATA|ESERVFAIL|EREFUSED|EAI_.*)$/.test(code)) return 'NAME_NOT_FOUND'
  return /CERT|^ERR_TLS|^EPROTO$|SELF_SIGNED|UNABLE_TO_(GET|VERIFY)|^ERR_SSL/.test(code)
    ? 'TLS_FAILED'
    : 'CONNECTION_FAILED'
}
