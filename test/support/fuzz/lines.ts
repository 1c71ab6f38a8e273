import { connect } from 'node:net'
import type { Random } from '../../../scripts/chaos/random.ts'
import { chance, pick } from './choose.ts'
import { hostileSegments, hostileTexts } from './hostile.ts'

/** What came back on a connection until it ended, or until nobody waited any more. */
export type Heard = { text: string; hasEnded: boolean }

const endWithinMs = 8000
const crlf = '\r\n'

/** Says bytes on a connection of its own, ends its half of it, and hears what comes until the other half ends. */
export function sayBytes(url: string, bytes: Buffer): Promise<Heard> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname)
    let text = ''
    const done = (hasEnded: boolean): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve({ text, hasEnded })
    }
    const timer = setTimeout(done, endWithinMs, false)
    socket.on('data', (piece: Buffer) => {
      // Answers to what is no request are short; a document need not be kept whole.
      if (text.length < 100_000) text += piece.toString('latin1')
    })
    // It may be reset: whoever sends nonsense has no right to an orderly end.
    socket.on('error', () => done(true))
    socket.on('close', () => done(true))
    socket.end(bytes)
  })
}

/** The statuses of the answers in what was heard. */
export function statusesIn({ text }: Heard): number[] {
  return [...text.matchAll(/(?:^|\n|\}|\])HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status))
}

type Draft = { method: string; target: string; version: string; fields: string[]; body: string; lineEnd: string }

const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS']
const oddMethods = [
  'CONNECT',
  'TRACE',
  'PRI',
  'M-SEARCH',
  'get',
  '',
  'G\0ET',
  'GET\t',
  'X'.repeat(3000),
  '\x16\x03\x01',
]
const oddTargets = [
  '*',
  '',
  '//',
  'http://elsewhere/api/tasks',
  'api/tasks',
  '/api/tasks\0',
  '/api/tasks x',
  '/\xff\xfe',
  '/../../etc/passwd',
  '/api/tasks#a',
  '/api//tasks',
  `/${'a/'.repeat(5000)}`,
  `/api/tasks?${'a=1&'.repeat(4000)}`,
  '/socket.io/?EIO=4&transport=polling',
  '/ws',
]
const oddVersions = ['HTTP/1.0', 'HTTP/2.0', 'HTTP/0.9', 'HTTP/1.1.1', 'HTTP/9.9', 'HTTPS/1.1', 'http/1.1', '']
const oddFields = [
  'Content-Length: 5, 6',
  'Content-Length: -1',
  'Content-Length: +5',
  'Content-Length: 0x5',
  'Content-Length: 99999999999999999999',
  'Content-Length: 5\r\nContent-Length: 6',
  'Content-Length: 5\r\nTransfer-Encoding: chunked',
  'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity',
  'Transfer-Encoding: gzip, chunked',
  'Transfer-Encoding: xchunked',
  'Transfer-Encoding : chunked',
  'Transfer-Encoding:\tchunked',
  ' folded: over lines',
  'No colon',
  ': no name',
  'Name\0: value',
  'Name: val\0ue',
  'Name: a\rb',
  'Host: a\r\nHost: b',
  'Expect: 200-ok',
  'Expect: 100-continue',
  'Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__',
  'Connection: Upgrade\r\nUpgrade: websocket',
  'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 99\r\nSec-WebSocket-Key: x',
  'Connection: keep-alive, close, x',
  'Range: bytes=0-,1-,2-,3-',
  'Cookie: a=b; ; =; longshore_share=%00',
  'X-Forwarded-For: 1.2.3.4, \x01',
  'X-Forwarded-Proto: https, http',
  `X-Long: ${'x'.repeat(20_000)}`,
  Array.from({ length: 3000 }, (_, nth) => `X-${nth}: 1`).join(crlf),
]
const oddBodies = [
  '5\r\nhello\r\n0\r\n\r\n',
  '0\r\n\r\nGET /api/tasks HTTP/1.1\r\nHost: a\r\n\r\n',
  'FFFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n',
  '-1\r\nhello\r\n',
  '5;ext="\r\nhello\r\n0\r\n\r\n',
  `5;${'x'.repeat(20_000)}\r\nhello\r\n0\r\n\r\n`,
  '5\nhello\n0\n\n',
  '0\r\nTrailer: x\r\nContent-Length: 5\r\n\r\n',
  '{"a":',
]

/** Bytes that are nearly a request, or not at all. */
export function makeLine(random: Random, paths: readonly string[], token: string): Buffer {
  const nonsense = [
    '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    '\0\0\0\0',
    crlf.repeat(50),
  ]
  if (chance(random, 0.05)) return Buffer.from(pick(random, nonsense), 'latin1')
  const draft = spoil(random, draftOf(random, paths, token))
  const { method, target, version, fields, body, lineEnd } = draft
  const text = [`${method} ${target} ${version}`, ...fields, '', body].join(lineEnd)
  return damage(random, Buffer.from(chance(random, 0.1) ? text + text : text, 'latin1'))
}

function draftOf(random: Random, paths: readonly string[], token: string): Draft {
  const hasBody = chance(random, 0.5)
  const body = hasBody ? '{"type":"FileMove","parameters":{}}' : ''
  const length = hasBody ? [`Content-Length: ${body.length}`, 'Content-Type: application/json'] : []
  const fields = ['Host: a', `Authorization: Bearer ${token}`, 'Connection: close', ...length]
  return {
    method: pick(random, methods),
    target: pick(random, paths),
    version: 'HTTP/1.1',
    fields,
    body,
    lineEnd: crlf,
  }
}

function spoil(random: Random, draft: Draft): Draft {
  const spoilt = { ...draft, fields: [...draft.fields] }
  for (let count = random.whole(0, 2); count > 0; count--) {
    const what = random.whole(0, 9)
    if (what === 0) spoilt.method = pick(random, oddMethods)
    else if (what === 1)
      spoilt.target = pick(random, [...oddTargets, ...hostileSegments.map((one) => `/api/tasks/${one}`)])
    else if (what === 2) spoilt.version = pick(random, oddVersions)
    else if (what === 3) spoilt.body = pick(random, oddBodies)
    else if (what === 4) spoilt.lineEnd = pick(random, ['\n', '\r', '\r\n\r\n'])
    else if (what === 5) spoilt.fields.push(`X-Odd: ${pick(random, hostileTexts).toWellFormed().slice(0, 3000)}`)
    else spoilt.fields.splice(random.whole(0, spoilt.fields.length), 0, pick(random, oddFields))
  }
  return spoilt
}

/** Most are left as they are; others lose their end, or have bytes changed. */
function damage(random: Random, bytes: Buffer): Buffer {
  if (chance(random, 0.1)) return bytes.subarray(0, random.whole(0, bytes.length))
  if (chance(random, 0.8) || bytes.length === 0) return bytes
  const damaged = Buffer.from(bytes)
  for (let count = random.whole(1, 8); count > 0; count--) {
    damaged[random.whole(0, damaged.length - 1)] = random.whole(0, 255)
  }
  return damaged
}
