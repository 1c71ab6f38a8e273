import { randomBytes } from 'node:crypto'
import { io } from 'socket.io-client'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { openDatabase, type Sql } from '../../../src/db/connect.ts'
import { migrate } from '../../../src/db/migrate.ts'
import { type Answer, chunksOf, clientOf, type TestClient } from '../../support/client.ts'
import { expectOneFile, patternOf, untilClaimed, untilCompleted } from '../../support/outcome.ts'
import { startPostgresServer, type TestPostgresServer } from '../../support/postgres-server.ts'
import { describeWithRedis, sharedRedis } from '../../support/redis.ts'
import { startSystem, type TestSystem, until } from '../../support/system.ts'

/** A request waits so long for the database at most. */
const answeredWithinMs = 5000

let postgres: TestPostgresServer
let system: TestSystem
let sql: Sql
let sender: TestClient

describe('with jobs in Postgres', { timeout: 120_000 }, () => {
  onOwnPostgres(() => undefined)
  it('uploads and finishings go on by themselves after it was killed', expectRecovery)
  it('requests are told that it is away for as long as it is, and never anything worse', expectTruthfulAnswers)
})

describeWithRedis('with jobs in Redis', { timeout: 120_000 }, () => {
  onOwnPostgres(() => sharedRedis().redisUrl)
  it('uploads and finishings go on by themselves after Postgres was killed', expectRecovery)
})

function onOwnPostgres(redisUrl: () => string | undefined): void {
  let closeDatabase: () => Promise<void>
  beforeAll(async () => {
    postgres = await startPostgresServer()
    const { databaseUrl } = postgres
    await migrate(databaseUrl)
    system = await startSystem({ databaseUrl, redisUrl: redisUrl() })
    const database = openDatabase(databaseUrl, { name: 'test', maxConnections: 2 })
    sql = database.sql
    closeDatabase = database.close
    sender = await clientOf(system.urls[0] ?? '')
  })
  afterAll(async () => {
    await system.stop()
    await closeDatabase()
    await postgres.stop()
  })
}

async function expectRecovery(): Promise<void> {
  const running = randomBytes(3_000_000)
  const finishing = patternOf(96 * 1024 * 1024)
  const owner = await clientOf(sender.url)
  const watched = await Promise.all([watch(sender), watch(owner)])
  const taskId = await begin(sender, running, 500_000)
  const pieces = chunksOf(running, 500_000)
  for (const index of [4, 1]) await send(sender, taskId, index, pieces)
  const finishingId = await begin(owner, finishing, 8_000_000)
  for (const index of chunksOf(finishing, 8_000_000).keys())
    await send(owner, finishingId, index, chunksOf(finishing, 8_000_000))
  await owner.complete(finishingId, { prefer: 'respond-async' })
  await untilClaimed(sql, finishingId)

  await postgres.kill9()
  const refused = await Promise.all([
    sender.call('GET', `/api/files/upload/resume/${taskId}`),
    sender.putChunk(taskId, 2, pieces[2] ?? Buffer.alloc(0)),
    sender.complete(taskId),
    sender.create(randomBytes(10)),
  ])
  for (const answer of refused) expectUnavailable(answer)
  await postgres.start()
  const backAt = Date.now()

  const resumed = await until(async () => {
    const answer = await sender.call('GET', `/api/files/upload/resume/${taskId}`)
    if (answer.status === 200) return answer
    expectUnavailable(answer)
    return undefined
  })
  expect(Date.now() - backAt).toBeLessThan(5000)
  expect(resumed.body).toMatchObject({ status: 'InProgress', uploadedChunks: [1, 4] })
  for (const index of [0, 2, 3, 5]) await send(sender, taskId, index, pieces)
  const file = await sender.complete(taskId)
  expect(file).toMatchObject({ status: 200 })
  await expectOneFile({ sql, system }, sender, taskId, running)
  // The crash may have forgotten a lease whose holder still wrote, so the file was finished by a copy.
  expect(await sql`select tainted from uploads where task_id = ${taskId}`).toEqual([{ tainted: true }])
  await untilCompleted(sql, finishingId, 30_000)
  await expectOneFile({ sql, system }, owner, finishingId, finishing)

  for (const [index, id] of [taskId, finishingId].entries()) {
    await until(async () => watched[index]?.completed.includes(id) || undefined)
  }
  // Nobody had to be started again.
  for (const one of [...system.apis, ...system.workers]) expect(() => process.kill(one.pid, 0)).not.toThrow()
}

async function expectTruthfulAnswers(): Promise<void> {
  const bytes = randomBytes(3_000_000)
  const taskId = await begin(sender, bytes, 20_000)
  const waiting = [...chunksOf(bytes, 20_000).entries()]
  const answers: Answer[][] = [[], [], [], []]
  const isOver = new AbortController()
  onTestFinished(() => isOver.abort())
  const sending = Promise.all(
    answers.map(async (mine) => {
      for (let next = waiting.shift(); next; next = waiting.shift()) {
        const [index, piece] = next
        await until(async () => {
          isOver.signal.throwIfAborted()
          const askedAt = Date.now()
          const answer = await sender.putChunk(taskId, index, piece)
          expect(Date.now() - askedAt).toBeLessThan(answeredWithinMs)
          mine.push(answer)
          return answer.status === 200 || answer.status === 409 || undefined
        }, 60_000)
      }
    }),
  )
  // When the test ends before them, nobody else minds how they end.
  sending.catch(() => {})
  await until(async () => answers.flat().length > 5 || undefined)
  await postgres.kill9()
  const refused = (mine: Answer[]) => mine.filter(({ status }) => status === 503).length
  const isAway = until(async () => answers.every((mine) => refused(mine) >= 2) || undefined, 6 * answeredWithinMs)
  await Promise.race([isAway, sending])
  await postgres.start()
  await sending
  for (const answer of answers.flat().filter(({ status }) => ![200, 409, 423].includes(status))) {
    expectUnavailable(answer)
  }
  const resumed = await sender.call('GET', `/api/files/upload/resume/${taskId}`)
  expect(resumed.body['uploadedChunks']).toEqual(Array.from({ length: 150 }, (_, index) => index))
  const file = await sender.complete(taskId)
  expect((await sender.download(file.body['id'])).equals(bytes)).toBe(true)
}

function expectUnavailable(answer: Answer): void {
  expect(answer).toMatchObject({ status: 503, body: { code: 'DATABASE_UNAVAILABLE', status: 503 } })
  expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
}

async function begin(client: TestClient, bytes: Buffer, chunkSize: number): Promise<string> {
  const created = await client.create(bytes, { chunkSize })
  expect(created).toMatchObject({ status: 200 })
  return String(created.body['taskId'])
}

async function send(client: TestClient, taskId: string, index: number, pieces: Buffer[]): Promise<void> {
  expect(await client.putChunk(taskId, index, pieces[index] ?? Buffer.alloc(0))).toMatchObject({ status: 200 })
}

/** Connects as the account and notes the uploads that it is told were completed. */
async function watch(client: TestClient): Promise<{ completed: string[] }> {
  const socket = io(client.url, { auth: { token: client.token }, forceNew: true })
  onTestFinished(() => void socket.disconnect())
  const completed: string[] = []
  socket.on('upload.completed', (event: { taskId: string }) => completed.push(event.taskId))
  await new Promise<void>((resolve) => socket.once('connect', resolve))
  return { completed }
}
