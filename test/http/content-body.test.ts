import { get } from 'node:http'
import { Readable } from 'node:stream'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { bytes, type ContentServer, openContentServer } from '../support/content-server.ts'

let site: ContentServer

beforeAll(async () => {
  site = await openContentServer()
})

afterAll(() => site.close())

beforeEach(() => {
  site.reset()
})

afterEach(async () => {
  // Whatever a test did, no stream of the storage stays open.
  await vi.waitUntil(() => site.state.opened.every((source) => source.destroyed))
})

function watched(source: Readable): Readable {
  site.state.opened.push(source)
  return source
}

describe('a client that leaves', () => {
  /** Asks, reads one piece and hangs up. */
  async function leaveEarly(headers: Record<string, string> = {}): Promise<void> {
    await new Promise<void>((resolve) => {
      const asked = get({ host: '127.0.0.1', port: site.port, path: '/file', headers, agent: false }, (res) => {
        res.on('error', () => {})
        res.once('data', () => res.destroy())
        res.once('close', resolve)
      })
      asked.on('error', () => {})
    })
  }

  it('closes the storage stream at once, even one that hangs, and is no error', async () => {
    site.state.content.read = async () => {
      const source = new Readable({ read() {} })
      source.push(bytes.subarray(0, 1000))
      return watched(source)
    }
    for (const headers of [{}, { Range: 'bytes=0-999,2000-2999' }]) await leaveEarly(headers)
    await vi.waitFor(() => expect(site.state.outcomes).toEqual([undefined, undefined]))
    expect(site.state.opened.map((source) => source.destroyed)).toEqual([true, true])
  })

  it.each([{}, { Range: 'bytes=0-9,20-29' }])('closes a stream that only opens after it left %j', async (headers) => {
    let open = () => {}
    let asked = () => {}
    const reading = new Promise<void>((resolve) => (asked = resolve))
    site.state.content.read = async () => {
      asked()
      await new Promise<void>((resolve) => (open = resolve))
      return watched(new Readable({ read() {} }))
    }
    const connections = () => new Promise<number>((resolve) => site.server.getConnections((_, count) => resolve(count)))
    const leaving = get({ host: '127.0.0.1', port: site.port, path: '/file', headers, agent: false })
    leaving.on('error', () => {})
    await reading
    leaving.destroy()
    await vi.waitFor(async () => expect(await connections()).toBe(0))
    open()
    await vi.waitFor(() => expect(site.state.outcomes).toEqual([undefined]))
    expect(site.state.opened.map((source) => source.destroyed)).toEqual([true])
  })

  it('is not read ahead for while it does not read', async () => {
    let handedBytes = 0
    const sizeBytes = 1024 * 1024 * 1024
    Object.assign(site.state.content, { sizeBytes })
    site.state.content.read = async () => {
      const piece = Buffer.alloc(1024 * 1024)
      const next = (source: Readable) => {
        handedBytes += piece.length
        source.push(piece)
      }
      return watched(
        new Readable({
          highWaterMark: piece.length,
          read() {
            next(this)
          },
        }),
      )
    }
    const asked = get({ host: '127.0.0.1', port: site.port, path: '/file', agent: false })
    const answer = await new Promise<NodeJS.ReadableStream>((resolve) => asked.on('response', resolve))
    let seenBytes = -1
    // Full when a look 200 ms later finds nothing more handed over.
    await vi.waitUntil(() => seenBytes === (seenBytes = handedBytes), { interval: 200, timeout: 5000 })
    expect(handedBytes).toBeLessThan(64 * 1024 * 1024)
    answer.on('error', () => {})
    asked.destroy()
    await vi.waitFor(() => expect(site.state.outcomes).toEqual([undefined]))
  })
})

describe('a storage that fails', () => {
  const failing = (soundBytes: number, end: (source: Readable) => void) => async () => {
    const source = new Readable({ read() {} })
    source.push(bytes.subarray(0, soundBytes))
    setImmediate(end, source)
    return watched(source)
  }

  it.each([
    ['in the middle', failing(1_000_000, (source) => source.destroy(new Error('disk on fire'))), 1_000_000],
    ['by ending too early', failing(1_000_000, (source) => source.push(null)), 1_000_000],
    ['by going silent', failing(1_000_000, (source) => source.destroy()), 1_000_000],
  ])('%s gives a body that is seen to be torn', async (_, read, sentBytes) => {
    site.state.content.read = read
    const answer = await site.ask()
    expect([answer.status, answer.complete]).toEqual([200, false])
    expect(answer.body.length).toBeLessThanOrEqual(sentBytes)
    await vi.waitFor(() => expect(site.state.outcomes).toHaveLength(1))
    expect(site.state.outcomes[0]).toMatchObject({ code: 'STORAGE_UNAVAILABLE' })
  })

  it('by having too much is cut off as well', async () => {
    const endless = new Readable({
      read() {
        this.push(Buffer.alloc(600))
      },
    })
    Object.assign(site.state.content, { sizeBytes: 1000, read: async () => watched(endless) })
    const answer = await site.ask().catch(() => undefined)
    expect(answer?.complete ?? false).toBe(false)
    await vi.waitFor(() => expect(site.state.outcomes).toHaveLength(1))
    expect(site.state.outcomes[0]).toMatchObject({ code: 'STORAGE_UNAVAILABLE' })
  })

  it('between two parts gives a torn body too', async () => {
    const { read } = site.state.content
    site.state.content.read = async (range) => (range.startBytes === 0 ? read(range) : undefined)
    const answer = await site.ask({ Range: 'bytes=0-99999,200000-299999' })
    expect([answer.status, answer.complete]).toEqual([206, false])
    await vi.waitFor(() => expect(site.state.outcomes).toHaveLength(1))
    expect(site.state.outcomes[0]).toMatchObject({ code: 'STORAGE_UNAVAILABLE' })
  })

  it('before anything is sent is a plain 503 without the head of a file', async () => {
    site.state.content.read = async () => undefined
    const answer = await site.ask()
    expect([answer.status, answer.complete]).toEqual([503, true])
    expect(JSON.parse(answer.body.toString())).toMatchObject({ code: 'STORAGE_UNAVAILABLE' })
    for (const field of ['content-disposition', 'last-modified', 'accept-ranges']) {
      expect(answer.headers).not.toHaveProperty(field)
    }
  })
})
