import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it, onTestFinished } from 'vitest'
import { packageRoot } from '../../src/package-root.ts'

const run = promisify(execFile)
const canVerify = await run('systemd-analyze', ['--version']).then(
  () => true,
  () => false,
)

describe.skipIf(!canVerify)('the systemd units', () => {
  it('have nothing that systemd objects to', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'longshore-units-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const from = join(packageRoot(), 'deploy/systemd')
    const names = await readdir(from)
    expect(names.length).toBeGreaterThan(1)
    await mkdir(join(folder, 'units'))
    for (const name of names) {
      const unit = await readFile(join(from, name), 'utf8')
      expect(unit).toMatch(/^ExecStart=\/usr\/bin\/node .*dist\/\S+\.js/m)
      // Node may lie elsewhere on this machine, and what is not there is objected to.
      await writeFile(join(folder, 'units', name), unit.replaceAll('/usr/bin/node', process.execPath))
    }
    const paths = names.map((name) => join(folder, 'units', name))
    const { stdout, stderr } = await run('systemd-analyze', ['verify', ...paths])
    // It looks at what the units want of the system's own too, which is not ours.
    expect((stdout + stderr).split('\n').filter((line) => line.includes(folder))).toEqual([])
  })
})
