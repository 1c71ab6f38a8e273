import { createHash, randomBytes } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TestClient } from '../support/client.ts'
import { openStage, type Stage } from '../support/stage.ts'

const names = [
  'Übergrößenträger 日本語 🎬.mp4',
  'e\u0301tude (decomposed).txt',
  '../../../../etc/passwd',
  '..',
  '.',
  '/etc/shadow',
  'C:\\Windows\\win.ini',
  'a/../b/./c',
  '%2e%2e%2f%00',
  'CON',
  '-rf *',
  '"; rm -rf / #`$(id)`',
  'line\nbreak\r\nContent-Type: text/html\r\n\r\n<script>',
  'bell\u0007 escape\u001b[31m delete\u007f',
  'annexe\u202efdp.exe',
  'ملف.pdf',
  ' leading and trailing ',
  `${'x'.repeat(300)}.bin`,
  '文'.repeat(1020) + '.txt',
  '🎬'.repeat(512),
  "'); drop table uploads; --",
  '{"a": 1}',
  '\ufeffbom',
]

describe('the name of a file', () => {
  let stage: Stage
  let client: TestClient

  beforeAll(async () => {
    stage = await openStage()
    client = await stage.client()
  })
  afterAll(() => stage.close())

  it.each(names.map((name) => [JSON.stringify(name).slice(0, 60), name]))('%s is kept as it is', async (_, name) => {
    const bytes = randomBytes(10)
    const { taskId, file } = await client.upload(bytes, { fileName: name })
    expect(file['name']).toBe(name)
    expect((await client.call('GET', `/api/files/upload/resume/${taskId}`)).body['fileName']).toBe(name)
    const download = await client.call('GET', `/api/files/${String(file['id'])}/content`)
    expect(download.status).toBe(200)
    const disposition = download.headers.get('content-disposition') ?? ''
    expect(disposition).toMatch(/^attachment; filename="[\x20-\x7e]+"(; filename\*=UTF-8''[\x21-\x7e]+)?$/)
    expect(disposition).not.toMatch(/filename="[^"]*[/\\]/)
    expect(download.headers.get('content-type')).toBe('application/octet-stream')
  })

  it('never becomes part of a path', async () => {
    const below = join(stage.system.dataDir, 'pools')
    const entries = await readdir(stage.system.dataDir, { recursive: true })
    expect(entries.length).toBeGreaterThan(names.length)
    const ours =
      /^(pools|scratch|objects|\.uploads|\.outputs|[0-9a-f]{2}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(-\d+)?)$/
    const strange = entries.flatMap((path) => path.split('/')).filter((segment) => !ours.test(segment))
    expect(strange).toEqual([])
    expect(await readdir(below)).toHaveLength(1)
  })

  it.each([
    ['empty', ''],
    ['with NUL', 'a\0b'],
    ['of more than 1024 characters', 'x'.repeat(1025)],
    ['with half a surrogate pair', 'broken \ud83c'],
  ])('%s is refused', async (_, fileName) => {
    // Written by hand where JSON.stringify would still be right: the lone surrogate goes as an escape.
    const refused = await client.create(randomBytes(10), { fileName })
    expect(refused).toMatchObject({
      status: 400,
      body: { code: 'VALIDATION_FAILED', details: { errors: [{ field: 'fileName' }] } },
    })
  })

  it('tells nothing to a log that would split its lines', async () => {
    const hash = createHash('sha256').update('log').digest('hex')
    await client.create(Buffer.alloc(3), { fileName: 'one\ntwo', hash, poolId: crypto.randomUUID() })
    const lines = stage.system.apis[0]?.output().split('\n') ?? []
    expect(lines.filter((line) => !line.startsWith('{'))).toEqual([])
  })
})
