import { once } from 'node:events'
import { createServer } from 'node:net'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { isPublicAddress } from '../../src/notify/addresses.ts'
import { createPost, type LookUp } from '../../src/notify/post.ts'
import { type Receiver, startReceiver } from '../support/receiver.ts'

const limits = { timeoutMs: 5000, answerBytes: 1000 }

/** A name server whose answers change with each question. */
function answering(...answers: string[][]): { lookUp: LookUp; asked: () => number } {
  let asked = 0
  const lookUp: LookUp = async () => {
    const addresses = answers[Math.min(asked++, answers.length - 1)] ?? []
    return addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
  }
  return { lookUp, asked: () => asked }
}

describe('sending to where others say', () => {
  let receiver: Receiver
  beforeEach(async () => {
    receiver = await startReceiver()
  })
  afterEach(() => receiver.close())

  const posting = (url: string) => ({ url, headers: { 'Content-Type': 'application/json' }, body: '{"a":"ä"}' })
  const toReceiver = () => posting(`${receiver.url}/hooks?a=b`)
  const allowed = () => new Set([`${receiver.host}:${receiver.port}`])

  it('sends to a host that is allowed, once, and answers the status', async () => {
    receiver.reply((response) => response.writeHead(429, { 'Retry-After': '7' }).end('slow down'))
    const outcome = await createPost(allowed(), limits)(toReceiver())
    expect(outcome).toEqual({ status: 429, retryAfter: '7' })
    expect(receiver.received).toMatchObject([
      {
        path: '/hooks?a=b',
        body: '{"a":"ä"}',
        headers: { 'content-type': 'application/json', 'content-length': '10' },
      },
    ])
  })

  it('sends nothing to an address of the machine or its network', async () => {
    expect(await createPost(new Set(), limits)(toReceiver())).toEqual({ error: 'ADDRESS_REFUSED' })
    expect(receiver.received).toEqual([])
  })

  it.each([[['127.0.0.1']], [['::ffff:127.0.0.1']], [['93.184.216.34', '127.0.0.1']], [['169.254.169.254']]])(
    'sends nothing to a name that leads to %j',
    async (addresses) => {
      const post = createPost(new Set(), limits, {
        findAddresses: answering(addresses).lookUp,
        isPublic: isPublicAddress,
      })
      expect(await post(posting(`http://rebound.example:${receiver.port}/`))).toEqual({ error: 'ADDRESS_REFUSED' })
      expect(receiver.received).toEqual([])
    },
  )

  it('looks a name up once, and goes by that answer alone', async () => {
    const { lookUp, asked } = answering(['127.0.0.1'], ['93.184.216.34'])
    const post = createPost(new Set(), limits, { findAddresses: lookUp, isPublic: isPublicAddress })
    expect(await post(posting(`http://rebound.example:${receiver.port}/`))).toEqual({ error: 'ADDRESS_REFUSED' })
    expect(asked()).toBe(1)
  })

  it('connects to the very address that it checked, though the name leads elsewhere by the next answer', async () => {
    const elsewhere = await startReceiver('127.0.0.2')
    onTestFinished(() => elsewhere.close())
    const { lookUp, asked } = answering(['127.0.0.1'], ['127.0.0.2'])
    const checked: string[] = []
    const isPublic = (address: string) => checked.push(address) > 0
    const post = createPost(new Set(), limits, { findAddresses: lookUp, isPublic })
    expect(await post(posting(`http://rebound.example:${receiver.port}/`))).toMatchObject({ status: 204 })
    expect([checked, asked(), receiver.received.length]).toEqual([['127.0.0.1'], 1, 1])
    expect(elsewhere.received).toEqual([])
  })

  it('does not follow where it is sent on to', async () => {
    const inner = await startReceiver()
    onTestFinished(() => inner.close())
    for (const status of [301, 302, 303, 307, 308]) {
      receiver.reply((response) => response.writeHead(status, { location: inner.url }).end())
      expect(await createPost(allowed(), limits)(toReceiver())).toMatchObject({ status })
    }
    expect(inner.received).toEqual([])
  })

  it('does not wait for ever: for a head, or for the rest of an answer', async () => {
    const post = createPost(allowed(), { ...limits, timeoutMs: 100 })
    receiver.reply(() => {})
    expect(await post(toReceiver())).toEqual({ error: 'TIMEOUT' })
    receiver.reply((response) => response.writeHead(200).write('the beginning'))
    expect(await post(toReceiver())).toEqual({ error: 'TIMEOUT' })
  })

  it('does not read an answer without end', async () => {
    receiver.reply((response) => {
      response.writeHead(200)
      const more = (): void => {
        while (!response.destroyed && response.write('x'.repeat(500))) continue
      }
      response.on('drain', more)
      more()
    })
    const begunAt = performance.now()
    expect(await createPost(allowed(), { ...limits, timeoutMs: 20_000 })(toReceiver())).toMatchObject({ status: 200 })
    expect(performance.now() - begunAt).toBeLessThan(10_000)
  })

  it('ends when it is told to stop', async () => {
    receiver.reply(() => {})
    const stop = new AbortController()
    const sending = createPost(allowed(), limits)(toReceiver(), stop.signal)
    await receiver.untilReceived(1)
    stop.abort()
    expect(await sending).toEqual({ error: 'STOPPED' })
  })

  it('says why nothing came back', async () => {
    const silent = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1')
    await once(silent, 'listening')
    onTestFinished(() => void silent.close())
    const { port } = Object(silent.address())
    const post = createPost(new Set(['127.0.0.1', 'nowhere.invalid']), limits)
    expect(await post(posting(`http://127.0.0.1:${port}/`))).toEqual({ error: 'CONNECTION_FAILED' })
    expect(await post(posting(`https://127.0.0.1:${receiver.port}/`))).toEqual({ error: 'TLS_FAILED' })
    expect(await post(posting('http://nowhere.invalid/'))).toEqual({ error: 'NAME_NOT_FOUND' })
  })
})
