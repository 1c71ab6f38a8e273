import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../../src/launch/postgres-server.ts'
import { createDatabase } from '../support/postgres.ts'
import { startLongshore } from './longshore.ts'

const secret = 'a secret of more than thirty-two characters'
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longshore-refusals-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('npm start says in one line what to do', () => {
  it('when the port is taken', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0
    const line = await refusal({ PORT: String(port) })
    server.close()
    expect(line).toMatch(new RegExp(`^PORT: ${port} on 127\\.0\\.0\\.1 is taken\\. .*PORT=${port + 1} npm start$`))
  })

  it('when the address is not one of this machine’s', async () => {
    expect(await refusal({ HOST: '192.0.2.1', PORT: '8080' })).toMatch(/^HOST: cannot listen on 192\.0\.2\.1/)
  })

  it('when the data folder cannot be written', async () => {
    const file = join(folder, 'a-file')
    await writeFile(file, '')
    const line = await refusal({ DATA_DIR: join(file, 'data') })
    expect(line).toMatch(/^DATA_DIR: cannot write to .*part of the path is a file.*set DATA_DIR to another folder\.$/)
  })

  it('when the database cannot be reached, without showing its password', async () => {
    const port = await freePort()
    const line = await refusal({
      DATABASE_URL: `postgres://me:hunter2@127.0.0.1:${port}/files`,
      AUTH_JWT_SECRET: secret,
    })
    expect(line).toMatch(
      /^DATABASE_URL: the database at 127\.0\.0\.1:\d+\/files cannot be reached \(connection refused\)/,
    )
    expect(line).not.toContain('hunter2')
  })

  it('when the database takes connections but never answers', async () => {
    const silent = createServer().listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const address = silent.address()
    const port = typeof address === 'object' ? address?.port : 0
    const line = await refusal({ DATABASE_URL: `postgres://me@127.0.0.1:${port}/files`, AUTH_JWT_SECRET: secret })
    silent.close()
    expect(line).toMatch(/^DATABASE_URL: .*no answer within 10 s/)
  })

  it('when Redis cannot be reached', async () => {
    const { databaseUrl, drop } = await createDatabase()
    const port = await freePort()
    const line = await refusal({
      DATABASE_URL: databaseUrl,
      AUTH_JWT_SECRET: secret,
      REDIS_URL: `redis://127.0.0.1:${port}`,
    })
    await drop()
    expect(line).toMatch(/^REDIS_URL: Redis at 127\.0\.0\.1:\d+ cannot be reached \(connection refused\)/)
  })

  it('naming every wrong setting at once, a line each', async () => {
    const output = await refusal({ PORT: 'eighty', UPLOAD_MAX_FILE_SIZE: '-1', DATABASE_URL: 'mysql://x' })
    const names = new Set(output.split('\n').map((line) => line.split(':')[0]))
    expect(output.split('\n')).toHaveLength(4)
    expect(names).toEqual(new Set(['AUTH_JWT_SECRET', 'DATABASE_URL', 'PORT', 'UPLOAD_MAX_FILE_SIZE']))
  })
})

/** What a start prints that must fail at once: nothing else, and no stack. */
async function refusal(env: Record<string, string>): Promise<string> {
  const longshore = startLongshore(join(folder, 'data'), { env })
  expect(await longshore.exited).toEqual({ code: 1, signal: null })
  expect(longshore.output()).not.toMatch(/^\s+at /m)
  return longshore.output()
}
