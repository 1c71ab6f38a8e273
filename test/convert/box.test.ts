import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type BoxEnd, type BoxLimits, type BoxPlace, openBox } from '../../src/convert/box.ts'
import { findIsolation, type Isolation } from '../../src/convert/isolation.ts'
import { until } from '../support/system.ts'

const mebibyte = 1024 * 1024

describe('a box', { timeout: 120_000 }, () => {
  let dataDir: string
  let isolation: Isolation
  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'longshore-box-'))
    await mkdir(join(dataDir, 'scratch'))
    await writeFile(join(dataDir, 'secret'), 'of somebody else')
    isolation = await findIsolation(dataDir, join(dataDir, 'scratch'))
  })
  afterAll(() => rm(dataDir, { recursive: true }))

  async function place(limits: Partial<BoxLimits> = {}): Promise<BoxPlace> {
    const folder = await mkdtemp(join(dataDir, 'scratch', 'run-'))
    return {
      isolation,
      folder,
      limits: { memoryBytes: 512 * mebibyte, diskBytes: 64 * mebibyte, cpuSeconds: 60, ...limits },
    }
  }

  /** Runs a script of Node and answers what it printed and how it ended. */
  async function run(where: BoxPlace, script: string): Promise<{ lines: string[]; end: BoxEnd }> {
    const lines: string[] = []
    const box = openBox(where, {
      command: process.execPath,
      args: ['-e', script],
      onLine: (line, stream) => stream === 'stdout' && lines.push(line),
    })
    return { end: await box.ended, lines }
  }

  it('has an environment that tells nothing, and works in its own folder', async () => {
    process.env['BOX_TEST_SECRET'] = 'not for children'
    const where = await place()
    const script =
      'require("fs").writeFileSync("here", ""); console.log(Object.keys(process.env).filter((n) => !/PWD/.test(n)).sort().join())'
    const { lines, end } = await run(where, script)
    expect(end).toMatchObject({ why: 'exit', code: 0 })
    expect(lines).toEqual(['HOME,LANG,PATH,TMPDIR,TZ'])
    expect(await readFile(join(where.folder, 'here'))).toHaveLength(0)
  })

  it('reaches no network, nor anything of the data folder, nor other processes, where the system allows that', async () => {
    const server = createServer((socket) => socket.end())
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const script = `
      const fs = require("fs"), net = require("net")
      const see = (path) => { try { return fs.readdirSync(path) } catch (error) { return error.code } }
      const socket = net.connect(${port}, "127.0.0.1")
      const say = (network) => console.log(JSON.stringify({
        network, data: see(${JSON.stringify(dataDir)}), parent: see("/proc/${process.pid}"),
      }))
      socket.on("connect", () => { say("reached"); socket.end() }).on("error", (error) => say(error.code))`
    const { lines } = await run(await place(), script)
    const seen = JSON.parse(lines[0] ?? '{}')
    server.close()
    const promised = {
      full: { network: 'ENETUNREACH', data: [], parent: 'ENOENT' },
      network: { network: 'ENETUNREACH' },
      none: {},
    }
    expect(seen).toMatchObject(promised[isolation.level])
    // Root may always do it, unless a container keeps it from that.
    console.log(`conversions are isolated here: ${isolation.level}`)
  })

  it('gets no more memory than it may have', async () => {
    const script = 'const all = []; for (;;) all.push(Buffer.alloc(10e6, 1))'
    const { end } = await run(await place({ memoryBytes: 256 * mebibyte }), script)
    expect(end.code).not.toBe(0)
    expect(end.complaint).toMatch(/allocat|memory/i)
  })

  it('can write neither one file nor many that are larger than it may', async () => {
    const one = await run(await place({ diskBytes: mebibyte }), 'require("fs").writeFileSync("one", Buffer.alloc(2e6))')
    expect(one.end.complaint).toContain('EFBIG')
    const script = 'let n = 0; setInterval(() => require("fs").writeFileSync(`file${n++}`, Buffer.alloc(9e5)), 5)'
    const many = await run(await place({ diskBytes: mebibyte }), script)
    expect(many.end.why).toBe('disk')
  })

  it('ends with all that it has started when it is stopped', async () => {
    const where = await place()
    const started: string[] = []
    const script = 'sleep 300 & sleep 300 & echo started; wait'
    const box = openBox(where, { command: 'sh', args: ['-c', script], onLine: (line) => started.push(line) })
    await until(async () => started.length > 0 || undefined)
    box.stop()
    // The pipes are closed only when nobody holds them any more.
    expect(await box.ended).toMatchObject({ why: 'stopped' })
  })

  it('tells lines that never end in pieces', async () => {
    const pieces: number[] = []
    const script = 'process.stdout.write("x".repeat(100000))'
    const box = openBox(await place(), {
      command: process.execPath,
      args: ['-e', script],
      onLine: (line) => pieces.push(line.length),
    })
    await box.ended
    expect(pieces.reduce((sum, length) => sum + length, 0)).toBe(100_000)
    expect(pieces.length).toBeGreaterThan(1)
  })
})
