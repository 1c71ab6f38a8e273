import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import {
  type Answer,
  bytes,
  changed,
  type ContentServer,
  etag,
  expectBytes,
  openContentServer,
} from '../support/content-server.ts'

const run = promisify(execFile)

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

/** Reads a multipart/byteranges body by its own boundary; fails unless its frame is exact to the byte. */
function parseParts(answer: Answer): { contentType: string; contentRange: string; body: Buffer }[] {
  const boundary = /^multipart\/byteranges; boundary=([0-9a-f]{36})$/.exec(answer.headers['content-type'] ?? '')?.[1]
  const text = `\r\n${answer.body.toString('latin1')}`
  const [preamble, ...rest] = text.split(`\r\n--${boundary}`)
  expect(preamble).toBe('')
  expect(rest.pop()).toBe('--\r\n')
  return rest.map((part) => {
    const [, type = '', range = '', body = ''] =
      /^\r\nContent-Type: (.*)\r\nContent-Range: (.*)\r\n\r\n([^]*)$/.exec(part) ?? []
    return { contentType: type, contentRange: range, body: Buffer.from(body, 'latin1') }
  })
}

describe('the whole file', () => {
  it('comes byte for byte, as an attachment that a browser neither guesses at nor runs', async () => {
    const answer = await site.ask()
    expect(answer.status).toBe(200)
    expectBytes(answer.body, bytes)
    expect(answer.headers).toMatchObject({
      'content-type': 'video/mp4',
      'content-length': String(bytes.length),
      etag,
      'last-modified': changed,
      'accept-ranges': 'bytes',
      'cache-control': 'private, no-cache',
      'x-content-type-options': 'nosniff',
      'content-security-policy': "sandbox; default-src 'none'",
      'content-disposition': `attachment; filename="_____ _final_.bin"; filename*=UTF-8''${encodeURIComponent('Отчёт "final".bin')}`,
    })
    await vi.waitFor(() => expect(site.state.outcomes).toEqual([undefined]))
  })

  it('has the same head for HEAD, which opens nothing and ignores Range', async () => {
    const [got, headed] = [await site.ask(), await site.ask({ Range: 'bytes=0-1' }, 'HEAD')]
    expect(headed.status).toBe(200)
    expect(headed.body).toHaveLength(0)
    expect({ ...headed.headers, date: '' }).toEqual({ ...got.headers, date: '' })
    expect(site.state.opened).toHaveLength(1)
  })

  it('may be empty', async () => {
    Object.assign(site.state.content, { sizeBytes: 0 })
    for (const headers of [{}, { Range: 'bytes=0-' }, { Range: 'bytes=-9' }]) {
      const answer = await site.ask(headers)
      expect([answer.status, answer.headers['content-length'], answer.complete]).toEqual([200, '0', true])
    }
    expect((await site.ask({ Range: 'bytes=5-' })).headers['content-range']).toBe('bytes */0')
    expect(site.state.opened).toEqual([])
  })

  it('never has a date in the future, nor a content type that is none', async () => {
    Object.assign(site.state.content, {
      lastModified: new Date(Date.now() + 3_600_000),
      contentType: 'text/html\r\nX-Evil: 1',
    })
    const { headers } = await site.ask()
    expect(Date.parse(headers['last-modified'] ?? '')).toBeLessThanOrEqual(Date.parse(headers.date ?? ''))
    expect(headers['content-type']).toBe('application/octet-stream')
    expect(headers).not.toHaveProperty('x-evil')
  })

  it('leaves the connection usable for the next request', async () => {
    const url = `http://127.0.0.1:${site.port}/file`
    const { stdout } = await run('curl', [
      '-sS',
      '-o',
      '/dev/null',
      '-o',
      '/dev/null',
      '-w',
      '%{num_connects} ',
      url,
      url,
    ])
    expect(stdout).toBe('1 0 ')
  })
})

describe('one range', () => {
  const last = bytes.length - 1
  it.each([
    ['bytes=0-0', 0, 0],
    ['bytes=5-1048580', 5, 1_048_580],
    ['bytes=1048576-', 1_048_576, last],
    ['bytes=-17', last - 16, last],
    [`bytes=${last}-${last + 100}`, last, last],
    ['bytes=0-9,10-19', 0, 19],
    ['bytes=0-9,99999999-', 0, 9],
  ])('%s', async (field, first, end) => {
    const answer = await site.ask({ Range: field })
    expect(answer.status).toBe(206)
    expect(answer.headers).toMatchObject({
      'content-range': `bytes ${first}-${end}/${bytes.length}`,
      'content-length': String(end - first + 1),
      'content-type': 'video/mp4',
      etag,
    })
    expectBytes(answer.body, bytes.subarray(first, end + 1))
  })

  it('is answered 416 with the size when it lies outside the file', async () => {
    const answer = await site.ask({ Range: `bytes=${bytes.length}-` })
    expect(answer.status).toBe(416)
    expect(answer.headers['content-range']).toBe(`bytes */${bytes.length}`)
    expect(JSON.parse(answer.body.toString())).toEqual({
      code: 'RANGE_NOT_SATISFIABLE',
      details: { sizeBytes: bytes.length },
    })
    expect(answer.headers).not.toHaveProperty('content-disposition')
  })

  it.each(['bytes=9-1', 'lines=1-2'])('that means nothing (%s) gets the whole file', async (field) => {
    const answer = await site.ask({ Range: field })
    expect(answer.status).toBe(200)
    expectBytes(answer.body, bytes)
  })
})

describe('several ranges', () => {
  it('come as one multipart body, each part with its own place', async () => {
    const answer = await site.ask({ Range: 'bytes=2000000-2100000,0-0,-3' })
    expect(answer.status).toBe(206)
    expect(answer.headers['content-length']).toBe(String(answer.body.length))
    expect(answer.headers).not.toHaveProperty('content-range')
    const end = bytes.length
    const parts = parseParts(answer)
    expect(parts.map((part) => part.contentRange)).toEqual([
      `bytes 2000000-2100000/${end}`,
      `bytes 0-0/${end}`,
      `bytes ${end - 3}-${end - 1}/${end}`,
    ])
    expect(new Set(parts.map((part) => part.contentType))).toEqual(new Set(['video/mp4']))
    const expected = [bytes.subarray(2_000_000, 2_100_001), bytes.subarray(0, 1), bytes.subarray(-3)]
    for (const [index, part] of parts.entries()) expectBytes(part.body, expected[index] ?? Buffer.alloc(0))
  })

  it('may be sixteen; more of them get the whole file', async () => {
    const field = (count: number) =>
      `bytes=${Array.from({ length: count }, (_, i) => `${i * 200_000}-${i * 200_000 + 9}`).join()}`
    const answer = await site.ask({ Range: field(16) })
    expectBytes(
      Buffer.concat(parseParts(answer).map((part) => part.body)),
      Buffer.concat(Array.from({ length: 16 }, (_, i) => bytes.subarray(i * 200_000, i * 200_000 + 10))),
    )
    expect((await site.ask({ Range: `${field(15)},1-1,3-3` })).status).toBe(206)
    expect((await site.ask({ Range: `${field(16)},100-100` })).status).toBe(200)
  })
})

describe('a condition', () => {
  it.each(['GET', 'HEAD'])('is answered 304 with the validators when the client has the file (%s)', async (method) => {
    for (const headers of [{ 'If-None-Match': `W/"x", ${etag}` }, { 'If-Modified-Since': changed }]) {
      const answer = await site.ask(headers, method)
      expect([answer.status, answer.body.length]).toEqual([304, 0])
      expect(answer.headers).toMatchObject({ etag, 'last-modified': changed, 'cache-control': 'private, no-cache' })
      expect(answer.headers).not.toHaveProperty('content-length')
    }
    expect(site.state.opened).toEqual([])
  })

  it('is answered 412 when the file is not the one meant, before any range is looked at', async () => {
    const answer = await site.ask({ 'If-Match': '"other"', Range: 'bytes=99999999-' })
    expect(answer.status).toBe(412)
    expect(JSON.parse(answer.body.toString())).toMatchObject({ code: 'PRECONDITION_FAILED' })
    expect((await site.ask({ 'If-Unmodified-Since': 'Sat, 05 Nov 1994 08:49:37 GMT' })).status).toBe(412)
    expect((await site.ask({ 'If-Match': etag, Range: 'bytes=0-1' })).status).toBe(206)
  })

  it('If-Range gives the rest of the same file and the whole of another', async () => {
    for (const same of [etag, changed]) {
      expect((await site.ask({ Range: 'bytes=1-2', 'If-Range': same })).status).toBe(206)
    }
    for (const stale of ['"old"', `W/${etag}`, 'Sun, 06 Nov 1994 08:49:36 GMT']) {
      const answer = await site.ask({ Range: 'bytes=1-2', 'If-Range': stale })
      expect(answer.status).toBe(200)
      expectBytes(answer.body, bytes)
    }
    expect((await site.ask({ Range: 'bytes=99999999-', 'If-Range': '"old"' })).status).toBe(200)
  })
})

describe('curl', () => {
  it('takes a range, goes on with a download, and saves under the safe name', async () => {
    const url = `http://127.0.0.1:${site.port}/file`
    expectBytes((await run('curl', ['-sS', '-r', '5-9', url], { encoding: 'buffer' })).stdout, bytes.subarray(5, 10))
    expectBytes((await run('curl', ['-sS', '-r', '-7', url], { encoding: 'buffer' })).stdout, bytes.subarray(-7))

    const partial = join(site.folder, 'partial')
    await writeFile(partial, bytes.subarray(0, 1_234_567))
    await run('curl', ['-sS', '-C', '-', '-o', partial, url])
    expectBytes(await readFile(partial), bytes)

    Object.assign(site.state.content, { name: '../../étude.bin' })
    await run('curl', ['-sS', '-OJ', url], { cwd: site.folder })
    expectBytes(await readFile(join(site.folder, 'etude.bin')), bytes)
  })
})
