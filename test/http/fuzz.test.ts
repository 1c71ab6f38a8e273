import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Answer, TestClient } from '../support/client.ts'
import { openStage, type Stage } from '../support/stage.ts'

/** Numbers that look random and are the same in every run (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

describe('any request at all', () => {
  let stage: Stage
  let client: TestClient

  beforeAll(async () => {
    stage = await openStage()
    client = await stage.client()
  })
  afterAll(() => stage.close())

  it.each([1, 2, 3])('of seed %d is answered, in the agreed shape and never by a 5xx', async (seed) => {
    const random = randomFrom(seed)
    const pick = <Value>(values: readonly Value[]): Value => values[Math.floor(random() * values.length)] as Value
    const tasks = [randomUUID(), 'x', '%00', '..%2f', '%E0%A4%A', '9'.repeat(500)]
    for (let nth = 0; nth < 3; nth++) {
      const created = await client.create(Buffer.from(`${seed} ${nth}`), { chunkSize: 2 })
      tasks.push(String(created.body['taskId']), String(created.body['taskId']))
    }
    const words = ['', 'a', '0', '-1', '1e9', '\0', '../..', '🎬', "'", 'x'.repeat(2000), '{"a":1}', 'null', '\u202e']
    const values = [
      ...words,
      0,
      1,
      -1,
      2.5,
      1e308,
      2 ** 53,
      null,
      true,
      [],
      {},
      [[1]],
      { a: { b: 1 } },
      'ab'.repeat(32),
    ]
    const fields = [
      'fileName',
      'fileSize',
      'contentType',
      'hash',
      'chunkSize',
      'poolId',
      'bundleId',
      'expiredAt',
      'constructor',
      'x',
    ]
    const good = { fileName: 'f', fileSize: 3, contentType: 'a/b', hash: 'cd'.repeat(32) }
    const headers = (): Record<string, string> => {
      const some: [string, string][] = [
        [
          'content-type',
          pick([
            'application/json',
            'multipart/form-data',
            'multipart/form-data; boundary=x',
            'a/b',
            '',
            'multipart/mixed; boundary=x',
          ]),
        ],
        ['content-digest', pick(['sha-256=:AA==:', 'sha-256', 'md5=:AA==:', ',', '=', 'sha-256=::', 'x=:?:'])],
        ['content-encoding', pick(['gzip', 'identity', 'x'])],
        ['prefer', pick(['wait=0', 'wait=-1', 'respond-async', 'wait=99999999999', ';;,,=', 'wait="'])],
        ['range', pick(['bytes=0-', 'bytes=-', 'x=1', 'bytes=9-1'])],
        ['if-none-match', pick(['*', '"', 'W/', ','])],
        ['content-range', 'bytes 0-1/2'],
      ]
      return Object.fromEntries(some.filter(() => random() < 0.3))
    }
    const bodies = (): unknown =>
      pick([
        () => undefined,
        () => Buffer.from(pick(words)),
        () =>
          Buffer.from(
            `--x\r\nContent-Disposition: form-data; name="${pick(['chunk', 'y', ''])}"; filename="f"\r\n\r\n${pick(words)}${pick(['\r\n--x--', '\r\n--x', ''])}`,
          ),
        () => Object.fromEntries(fields.filter(() => random() < 0.4).map((field) => [field, pick(values)])),
        () => ({ ...good, [pick(fields)]: pick(values) }),
        () => Buffer.from(Array.from({ length: 50 }, () => Math.floor(random() * 256))),
      ])()
    const task = () => pick(tasks)
    const index = () => pick(['0', '1', '2', '-1', 'x', '1e3', '99999999999', '%20'])
    const paths = [
      () => '/upload/create',
      () => `/upload/chunk/${task()}/${index()}`,
      () => `/upload/chunk/${task()}/${index()}`,
      () => `/upload/complete/${task()}`,
      () => `/upload/resume/${task()}`,
      () => `/upload/progress/${task()}`,
      () => `/upload/task/${task()}`,
      () => `/${task()}`,
      () => `/${task()}/content`,
      () => `/${pick(words.filter((word) => word !== '\0')).slice(0, 50)}?${pick(['a[b]=1', '__proto__=1', '%', 'x'])}`,
    ]

    const strange: unknown[] = []
    for (let nth = 0; nth < 150; nth++) {
      const method = pick(['GET', 'POST', 'POST', 'PUT', 'DELETE', 'HEAD', 'PATCH'])
      const path = pick(['/api/files', '/drive/files']) + pick(paths)()
      const body = method === 'GET' || method === 'HEAD' ? undefined : bodies()
      const sent = headers()
      const answer = await client.call(method, path, { body, headers: { prefer: 'wait=0', ...sent } })
      if (isStrange(answer, method)) strange.push({ method, path, sent, body: String(body), answer: answer.body })
    }
    expect(strange).toEqual([])
    expect(stage.system.apis[0]?.output()).not.toContain('"level":"error"')
  })

  function isStrange({ status, body, headers }: Answer, method: string): boolean {
    if (status >= 500 || status < 200) return true
    if (status < 400 || method === 'HEAD') return false
    const shaped = typeof body['code'] === 'string' && body['status'] === status && typeof body['message'] === 'string'
    return (
      !shaped ||
      headers.get('content-type')?.includes('json') !== true ||
      /node_modules|\n +at /.test(String(body['message']))
    )
  }
})
