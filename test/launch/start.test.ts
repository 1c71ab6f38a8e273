import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createVerifier } from '../../src/auth/verify.ts'
import { poll } from '../../src/launch/poll.ts'
import { keptSecret } from '../../src/launch/kept-secret.ts'
import { alive, procfile, startLongshore, temporaryFolder, untilReady } from './longshore.ts'

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let dataDir: string

beforeAll(async () => {
  folder = await temporaryFolder(0o711)
  dataDir = folder.path
})
afterAll(() => folder.close())

describe('npm start', { timeout: 90_000 }, () => {
  it('gets ready, prints a token that counts, and ends everything on Ctrl-C with exit code 0', async () => {
    const longshore = startLongshore(dataDir)
    const { url, web, worker, postgres: server, databaseUrl } = await untilReady(longshore, dataDir)
    expect(longshore.output()).toContain(`Longshore is ready: ${url}`)
    expect((await fetch(`${url}/health/ready`)).status).toBe(200)
    expect(longshore.logs).toContainEqual(expect.objectContaining({ msg: 'working', greeting: 'hello' }))
    const token = /^ey[\w-]+\.[\w-]+\.[\w-]+$/m.exec(longshore.output())?.[0]
    const account = await keptSecret(dataDir, 'demo-account')
    const secret = await keptSecret(dataDir, 'auth-jwt-secret')
    expect(await createVerifier({ secret, clockToleranceSeconds: 0 })(token)).toMatchObject({
      account,
      admin: false,
    })
    await query(databaseUrl, (sql) => sql`CREATE TABLE keepsake AS SELECT 'from yesterday' AS words`)

    expect(await alive(web, worker, server)).toHaveLength(3)
    longshore.kill('SIGINT')
    expect(await longshore.exited).toEqual({ code: 0, signal: null })
    expect(await alive(web, worker, server)).toEqual([])
    const reasons = longshore.logs.filter(({ msg }) => msg === 'stopping').map(({ reason }) => reason)
    expect(reasons).toContain('SIGTERM')
  })

  it('finds yesterday’s data, and twice at once says that it already runs', async () => {
    const longshore = startLongshore(dataDir)
    const { databaseUrl, web } = await untilReady(longshore, dataDir)
    expect(await query(databaseUrl, (sql) => sql`SELECT words FROM keepsake`)).toEqual([{ words: 'from yesterday' }])

    const second = startLongshore(dataDir)
    expect(await second.exited).toMatchObject({ code: 1 })
    expect(second.output()).toMatch(/^Longshore already runs on .*Stop that one first/)
    expect(await alive(web)).toHaveLength(1)
    longshore.kill('SIGTERM')
    expect(await longshore.exited).toMatchObject({ code: 0 })
  })

  it('starts again after a predecessor was killed, and nothing of that one is left', async () => {
    const first = startLongshore(dataDir)
    const before = await untilReady(first, dataDir)
    await query(before.databaseUrl, (sql) => sql`UPDATE keepsake SET words = 'just before the end'`)
    first.kill('SIGKILL')
    await first.exited
    // The application processes notice by themselves; the database is left for the next start.
    const gone = async () => ((await alive(before.web, before.worker)).length === 0 ? true : undefined)
    expect(await poll(gone, { everyMs: 50, deadlineMs: 10_000 })).toBe(true)

    const longshore = startLongshore(dataDir)
    const { databaseUrl } = await untilReady(longshore, dataDir)
    expect(await alive(before.postgres)).toEqual([])
    expect(await query(databaseUrl, (sql) => sql`SELECT words FROM keepsake`)).toEqual([
      { words: 'just before the end' },
    ])
    longshore.kill('SIGINT')
    expect(await longshore.exited).toMatchObject({ code: 0 })
  })

  it('starts a process that died again, on the same port, and Postgres too', async () => {
    const longshore = startLongshore(dataDir)
    const { url, web, postgres: server, databaseUrl } = await untilReady(longshore, dataDir)
    process.kill(web, 'SIGKILL')
    const again = await longshore.waitForLog(({ msg, pid }) => msg === 'listening' && pid !== web)
    expect(again['url']).toBe(url)
    expect(longshore.output()).toContain('web ended unexpectedly (SIGKILL)')

    process.kill(server, 'SIGKILL')
    await longshore.waitForText('Postgres ended unexpectedly')
    const answer = () => query(databaseUrl, (sql) => sql`SELECT words FROM keepsake`).catch(() => undefined)
    expect(await poll(answer, { everyMs: 100, deadlineMs: 20_000 })).toEqual([{ words: 'just before the end' }])
    longshore.kill('SIGINT')
    expect(await longshore.exited).toMatchObject({ code: 0 })
  })

  it('ends everything with exit code 1 when a process keeps dying', async () => {
    const longshore = startLongshore(dataDir, { args: [procfile('Procfile.dying')] })
    expect(await longshore.exited).toEqual({ code: 1, signal: null })
    expect(longshore.output()).toContain('worker keeps ending; everything is stopped.')
    const pids = longshore.logs.map(({ pid }) => Number(pid))
    expect(pids.length).toBeGreaterThanOrEqual(6)
    expect(await alive(...pids)).toEqual([])
  })

  it('does not wait for a process that will not stop once it is told a second time', async () => {
    const longshore = startLongshore(dataDir, { args: [procfile('Procfile.stubborn')] })
    const { worker, postgres: server } = await untilReady(longshore, dataDir)
    const start = performance.now()
    let exit: unknown
    void longshore.exited.then((value) => {
      exit = value
    })
    longshore.kill('SIGINT')
    const again = () => {
      if (exit === undefined) longshore.kill('SIGINT')
      return exit
    }
    await poll(again, { everyMs: 300, deadlineMs: 20_000 })
    expect(await longshore.exited).toMatchObject({ code: 0 })
    expect(performance.now() - start).toBeLessThan(8000)
    expect(await alive(worker, server)).toEqual([])
  })
})

async function query<T>(databaseUrl: string, ask: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const sql = postgres(databaseUrl, { max: 1, connect_timeout: 2, onnotice: () => {} })
  try {
    return await ask(sql)
  } finally {
    await sql.end({ timeout: 1 })
  }
}
