import { createDecipheriv, createECDH, hkdfSync, randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { importJWK, jwtVerify } from 'jose'
import { until } from './system.ts'

export type Pushed = { headers: IncomingHttpHeaders; message: Record<string, unknown>; claims: Record<string, unknown> }

/** A browser's subscription to a push service, as `PushSubscription.toJSON()` gives it. */
export type BrowserSubscription = { endpoint: string; expirationTime: null; keys: { p256dh: string; auth: string } }

/** A push service and the browsers behind it, as RFC 8030, 8188, 8291 and 8292 have them. */
export type PushService = {
  host: string
  /** A new browser subscribes. */
  subscribe: () => BrowserSubscription
  /** What a browser was shown: decrypted by it, and by whom its service found it signed. */
  shown: (subscription: BrowserSubscription) => Pushed[]
  untilShown: (subscription: BrowserSubscription, count: number, deadlineMs?: number) => Promise<Pushed[]>
  /** Answers requests for a browser with this status from now on; undefined takes them again. */
  fail: (subscription: BrowserSubscription, status: number | undefined) => void
  /** How many requests came for a browser. */
  requests: (subscription: BrowserSubscription) => number
  /** What was wrong with requests. */
  refused: string[]
  close: () => Promise<void>
}

type Browser = {
  ecdh: ReturnType<typeof createECDH>
  auth: Buffer
  shown: Pushed[]
  status: number | undefined
  requests: number
}

/** `publicKey`: who alone may push, in base64url. */
export async function startPushService(publicKey: string): Promise<PushService> {
  const browsers = new Map<string, Browser>()
  const refused: string[] = []
  const server = createServer((request, response) => {
    void answer(request, browsers.get(request.url ?? ''), publicKey)
      .catch((error: unknown) => {
        refused.push(String(error))
        return 403
      })
      .then((status) => response.writeHead(status).end())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const host = `127.0.0.1:${Object(server.address()).port}`
  const browserOf = ({ endpoint }: BrowserSubscription): Browser => {
    const browser = browsers.get(new URL(endpoint).pathname)
    if (!browser) throw new Error('no such browser')
    return browser
  }
  return {
    host,
    subscribe: () => {
      const path = `/push/${randomUUID()}`
      const { browser, keys } = newBrowser()
      browsers.set(path, browser)
      return { endpoint: `http://${host}${path}`, expirationTime: null, keys }
    },
    shown: (subscription) => browserOf(subscription).shown,
    untilShown: (subscription, count, deadlineMs) =>
      until(async () => {
        const { shown } = browserOf(subscription)
        return shown.length >= count ? shown : undefined
      }, deadlineMs),
    fail: (subscription, status) => {
      browserOf(subscription).status = status
    },
    requests: (subscription) => browserOf(subscription).requests,
    refused,
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

function newBrowser(): { browser: Browser; keys: BrowserSubscription['keys'] } {
  const ecdh = createECDH('prime256v1')
  const p256dh = ecdh.generateKeys('base64url')
  const auth = randomBytes(16)
  const browser = { ecdh, auth, shown: [], status: undefined, requests: 0 }
  return { browser, keys: { p256dh, auth: auth.toString('base64url') } }
}

/** What the service answers to a request for a browser. Throws when it is not what it should be. */
async function answer(request: IncomingMessage, browser: Browser | undefined, publicKey: string): Promise<number> {
  const pieces: Buffer[] = []
  for await (const piece of request) pieces.push(Buffer.from(piece))
  if (!browser) return 404
  browser.requests++
  if (browser.status !== undefined) return browser.status
  const origin = `http://${request.headers.host}`
  browser.shown.push(await take(browser, { headers: request.headers, body: Buffer.concat(pieces), origin }, publicKey))
  return 201
}

type Sent = { headers: IncomingHttpHeaders; body: Buffer; origin: string }

async function take(browser: Browser, { headers, body, origin }: Sent, publicKey: string): Promise<Pushed> {
  const [, token = '', key = ''] = /^vapid t=([^,]+), k=(\S+)$/.exec(headers.authorization ?? '') ?? []
  if (key !== publicKey) throw new Error(`pushed by ${key}`)
  const point = Buffer.from(key, 'base64url')
  const [x, y] = [point.subarray(1, 33), point.subarray(33)].map((part) => part.toString('base64url'))
  const verifier = await importJWK({ kty: 'EC', crv: 'P-256', x: String(x), y: String(y) }, 'ES256')
  const { payload } = await jwtVerify(token, verifier, { audience: origin, requiredClaims: ['exp', 'sub'] })
  // RFC 8292 §2: at most 24 hours ahead.
  if (Number(payload.exp) > Date.now() / 1000 + 86_400) throw new Error('the token lasts too long')
  if (!/^\d+$/.test(String(headers['ttl']))) throw new Error('no TTL')
  if (!/^[\w-]{1,32}$/.test(String(headers['topic']))) throw new Error('a bad topic')
  if (headers['content-encoding'] !== 'aes128gcm' || body.length > 4096)
    throw new Error('not encrypted as it should be')
  return { headers, message: JSON.parse(decrypt(browser, body)), claims: payload }
}

/** RFC 8188 §2 and RFC 8291 §3, of one record. */
function decrypt({ ecdh, auth }: Browser, body: Buffer): string {
  const salt = body.subarray(0, 16)
  const idLength = body[20] ?? 0
  const sender = body.subarray(21, 21 + idLength)
  const record = body.subarray(21 + idLength)
  const info = Buffer.concat([Buffer.from('WebPush: info\0'), ecdh.getPublicKey(), sender])
  const secret = Buffer.from(hkdfSync('sha256', ecdh.computeSecret(sender), auth, info, 32))
  const key = Buffer.from(hkdfSync('sha256', secret, salt, 'Content-Encoding: aes128gcm\0', 16))
  const nonce = Buffer.from(hkdfSync('sha256', secret, salt, 'Content-Encoding: nonce\0', 12))
  const decipher = createDecipheriv('aes-128-gcm', key, nonce)
  decipher.setAuthTag(record.subarray(-16))
  const padded = Buffer.concat([decipher.update(record.subarray(0, -16)), decipher.final()])
  // The last record ends with 2 and zeros.
  return padded.subarray(0, padded.lastIndexOf(2)).toString()
}
