import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, expect, it } from 'vitest'
import { type Listening, listen } from '../../src/http/listen.ts'

let listening: Listening | undefined
afterEach(() => listening?.close(0))

async function say(bytes: string): Promise<string> {
  listening = await listen((_request, response) => response.end('fine'), { host: '127.0.0.1', port: 0 })
  const socket = connect(Number(new URL(listening.url).port), '127.0.0.1')
  socket.end(bytes)
  return text(socket)
}

it.each([
  ['what is not HTTP', 'HELLO\r\n\r\n', 400, 'MALFORMED_REQUEST'],
  [
    'a head that is too large',
    `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
    431,
    'HEADERS_TOO_LARGE',
  ],
])('answers %s in the form of every other error', async (_what, bytes, status, code) => {
  const [head = '', body = ''] = (await say(bytes)).split('\r\n\r\n')
  expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
  expect(JSON.parse(body)).toMatchObject({ code, status, details: {} })
})

it.each([
  'Content-Length: 4\r\nTransfer-Encoding: chunked',
  'Transfer-Encoding: chunked\r\nContent-Length: 4',
  'Content-Length: 4\r\nContent-Length: 50',
  'Transfer-Encoding: xchunked',
  'Transfer-Encoding : chunked',
])('reads one request where a proxy might read another: %j', async (fields) => {
  const second = 'GET /second HTTP/1.1\r\nHost: a\r\n\r\n'
  const heard = await say(`POST / HTTP/1.1\r\nHost: a\r\n${fields}\r\n\r\n0\r\n\r\n${second}`)
  // What it has answered before it came to the body that has no end it can tell is not taken back.
  expect(heard.match(/HTTP\/1\.1 \d{3}/g)?.at(-1)).toBe('HTTP/1.1 400')
  expect(heard.match(/fine/g) ?? []).toHaveLength(fields.includes('xchunked') ? 1 : 0)
})

it('takes the bounds of a request as they are set', async () => {
  const bounds = { headWithinMs: 200, requestWithinMs: 60_000, idleWithinMs: 200, maxHeadBytes: 4096 }
  listening = await listen((_request, response) => response.end('fine'), { host: '127.0.0.1', port: 0 }, bounds)
  const port = Number(new URL(listening.url).port)
  const large = connect(port, '127.0.0.1')
  large.end(`GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(5000)}\r\n\r\n`)
  expect(await text(large)).toMatch(/^HTTP\/1.1 431 /)
  const slow = connect(port, '127.0.0.1')
  slow.write('GET / HTTP/1.1\r\nHost: a\r\n')
  expect(await text(slow)).toMatch(/^HTTP\/1.1 408 [^]*REQUEST_TIMEOUT/)
  const idle = connect(port, '127.0.0.1')
  idle.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  expect(await text(idle)).toMatch(/^HTTP\/1.1 200 OK[^]*fine/)
})

it('answers an ordinary request', async () => {
  expect(await say('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')).toMatch(/^HTTP\/1.1 200 OK[^]*fine$/)
})
