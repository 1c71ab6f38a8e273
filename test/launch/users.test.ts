import { chmod, chown, mkdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { chooseUser } from '../../src/launch/postgres-user.ts'
import type { TestProcess } from '../support/process.ts'
import { alive, cloneInto, databaseFolder, startLongshore, temporaryFolder, untilReady } from './longshore.ts'

type Ids = { uid?: number; gid?: number }

const isRoot = process.getuid?.() === 0
let folder: Awaited<ReturnType<typeof temporaryFolder>>
let clone: string

beforeAll(async () => {
  folder = await temporaryFolder(0o755)
  clone = join(folder.path, 'clone')
  await cloneInto(clone)
}, 120_000)
afterAll(() => folder.close())

describe('npm start', { timeout: 120_000 }, () => {
  it('works in a checkout that only its owner may enter, root included, and finds the data again', async () => {
    const dataDir = join(folder.path, 'private')
    await chmod(folder.path, 0o700)
    try {
      await startTwice(dataDir, {})
    } finally {
      await chmod(folder.path, 0o755)
    }
    const { uid, mode } = await stat(await databaseFolder(dataDir))
    // Root's database belongs to another user, who could not have got into the checkout.
    expect(uid === 0).toBe(false)
    expect(mode & 0o777).toBe(0o700)
    expect(await exists(join(dataDir, 'postgres-place'))).toBe(isRoot)
    for (const name of ['auth-jwt-secret', 'postgres-password']) {
      expect((await stat(join(dataDir, name))).mode & 0o777).toBe(0o600)
    }
  })

  it('works as a normal user, who then owns the database in DATA_DIR', async () => {
    const user = await normalUser()
    const dataDir = join(folder.path, 'data')
    await mkdir(dataDir, { mode: 0o700 })
    await chown(dataDir, user.uid ?? -1, user.gid ?? -1)
    await startTwice(dataDir, user)
    const { uid, mode } = await stat(join(dataDir, 'postgres-18'))
    expect(uid).toBe(user.uid ?? process.getuid?.())
    expect(mode & 0o777).toBe(0o700)
    expect(await exists(join(dataDir, 'postgres-place'))).toBe(false)
  })

  it('does not begin with an empty database when the noted one is gone', async () => {
    const dataDir = join(folder.path, 'moved')
    await mkdir(dataDir)
    await writeFile(join(dataDir, 'postgres-place'), '/nowhere/longshore\n')
    const longshore = startIn(dataDir, {})
    expect(await longshore.exited).toMatchObject({ code: 1 })
    expect(longshore.output()).toMatch(
      /^The database of .* was in \/nowhere\/longshore, which is gone\. Put it back, or /,
    )
  })
})

function startIn(dataDir: string, user: Ids): TestProcess {
  const file = join(clone, 'dist/scripts/start.js')
  return startLongshore(dataDir, { file, args: [join(clone, 'test/fixtures/launch/Procfile')], cwd: clone, ...user })
}

async function startTwice(dataDir: string, user: Ids): Promise<void> {
  for (const start of [1, 2]) {
    const longshore = startIn(dataDir, user)
    const ready = await untilReady(longshore, dataDir)
    const sql = postgres(ready.databaseUrl, { max: 1, onnotice: () => {} })
    if (start === 1) await sql`CREATE TABLE keepsake (words text)`
    expect(await sql`SELECT * FROM keepsake`).toEqual([])
    await sql.end()
    longshore.kill('SIGINT')
    expect(await longshore.exited).toEqual({ code: 0, signal: null })
    expect(await alive(ready.web, ready.worker, ready.postgres)).toEqual([])
  }
}

/** Root starts it as somebody else; everybody else is a normal user already. */
async function normalUser(): Promise<Ids> {
  const user = await chooseUser('/nowhere')
  return user === undefined ? {} : { uid: user.uid, gid: user.gid }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
