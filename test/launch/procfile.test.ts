import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseProcfile } from '../../src/launch/procfile.ts'
import { packageRoot } from '../../src/package-root.ts'

describe('a Procfile', () => {
  it('has a process a line, with variables before its command, and remarks', () => {
    expect(parseProcfile('# two\n\nweb: A=1 B= node web.js --x=y\n  worker:  node worker.js  \n')).toEqual([
      { name: 'web', env: { A: '1', B: '' }, command: 'node', args: ['web.js', '--x=y'] },
      { name: 'worker', env: {}, command: 'node', args: ['worker.js'] },
    ])
  })

  it.each([
    ['web node', /cannot read the line "web node"/],
    ['web: A=1', /cannot read the line "web: A=1"/],
    ['web: a\nweb: b', /two processes named "web"/],
    ['# nothing', /names no process/],
  ])('is refused when it cannot be meant: %j', (text, why) => {
    expect(() => parseProcfile(text)).toThrow(why)
  })

  it('of the project runs an API and a worker with what tunes their memory for bodies that stream by', async () => {
    const entries = parseProcfile(await readFile(join(packageRoot(), 'Procfile'), 'utf8'))
    expect(entries.map(({ name, command, args }) => [name, command, args.join(' ')])).toEqual([
      ['web', 'node', '--max-semi-space-size=8 dist/src/main.js'],
      ['worker', 'node', 'dist/workers/main.js --queues high,normal,low --concurrency 4'],
    ])
    for (const { env } of entries) {
      expect(Object.keys(env)).toEqual(['MALLOC_TRIM_THRESHOLD_', 'MALLOC_TOP_PAD_', 'MALLOC_MMAP_THRESHOLD_'])
    }
  })
})
