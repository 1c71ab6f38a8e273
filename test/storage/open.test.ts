import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { expect, it } from 'vitest'
import { openStorage } from '../../src/storage/open.ts'

const options = {
  dataDir: '/nowhere',
  uploadsPath: undefined,
  readVariable: () => undefined,
  log: pino({ level: 'silent' }),
}

it('opens a local pool in a folder it makes', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'longshore-pool-'))
  const path = join(folder, 'not', 'there', 'yet')
  const storage = await openStorage({ id: 'main', kind: 'local', settings: { path } }, options)
  await storage.probe()
  expect((await stat(path)).mode & 0o777).toBe(0o700)
  await rm(folder, { recursive: true })
})

it('takes a relative path from the data folder', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'longshore-pool-'))
  await openStorage({ id: 'main', kind: 'local', settings: { path: 'pools/main' } }, { ...options, dataDir })
  expect((await stat(join(dataDir, 'pools', 'main'))).isDirectory()).toBe(true)
  await rm(dataDir, { recursive: true })
})

it.each([
  { kind: 'tape', settings: {}, says: 'Storage pool main is of the unknown kind "tape".' },
  { kind: 'local', settings: {}, says: 'The settings of storage pool main are wrong' },
  { kind: 'local', settings: { path: 7 }, says: 'path' },
  { kind: 'local', settings: { path: '/tmp/pool', bucket: 'b' }, says: 'bucket' },
])('names the pool that it cannot open: $kind $settings', async ({ kind, settings, says }) => {
  await expect(openStorage({ id: 'main', kind, settings }, options)).rejects.toThrow(says)
})

it('says that a pool cannot be used when its folder cannot be made', async () => {
  const pool = { id: 'main', kind: 'local', settings: { path: '/dev/null/pool' } }
  await expect(openStorage(pool, options)).rejects.toMatchObject({
    code: 'STORAGE_UNAVAILABLE',
    cause: { code: 'ENOTDIR' },
  })
})
