import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { packageRoot } from '../../src/package-root.ts'

const run = promisify(execFile)

describe('the demo', { timeout: 180_000 }, () => {
  let dataDir: string
  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'longshore-demo-test-'))
  })
  afterAll(() => rm(dataDir, { recursive: true, force: true }))

  it('starts a Longshore, shows everything, and says where to look', async () => {
    const script = join(packageRoot(), 'dist', 'scripts', 'demo.js')
    const env = {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      DATA_DIR: dataDir,
      PORT: String(await freePort()),
    }
    const { stdout } = await run(process.execPath, [script, '--size', '24', '--once'], { env })
    expect(stdout).toMatch(/Uploading, until the line breaks +\d/)
    const [, kept] = /([\d.]+) MiB were there already/.exec(stdout) ?? []
    expect(Number(kept)).toBeGreaterThan(5)
    expect(stdout).toMatch(/holiday\.zip\.age +24\.\d MiB +file [\da-f-]{36}/)
    expect(stdout).toMatch(/Moving it to a second pool +\d/)
    expect(stdout).toMatch(/Look around at http:\S+\d;/)
  })

  it('says what is wrong with an option', async () => {
    const script = join(packageRoot(), 'dist', 'scripts', 'demo.js')
    await expect(run(process.execPath, [script, '--size', 'huge'])).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('--size <1-65536>'),
    })
  })
})

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const address = server.address()
  server.close()
  return typeof address === 'object' && address !== null ? address.port : 0
}
