import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { type Answer, chunksOf, clientOf } from './client.ts'
import { holdRequest } from './held-request.ts'

export type StubbornUpload = { taskId: string; account: string; bytes: Buffer }

export type StubbornOptions = {
  urls: readonly string[]
  /** A number from 0 to 1 that decides what goes wrong on purpose. */
  random: () => number
  sizeBytes: number
  chunkSize: number
}

/**
 * Uploads as a good client does, at several API processes by turns: whatever breaks off, is busy or unavailable is tried
 * again. Now and then it breaks off itself in the middle of a chunk. Fails on an answer that no good client should get.
 */
export async function uploadStubbornly({
  urls,
  random,
  sizeBytes,
  chunkSize,
}: StubbornOptions): Promise<StubbornUpload> {
  const bytes = randomBytes(sizeBytes)
  const { account } = await clientOf(urls[0] ?? '')
  const somebody = () => clientOf(urls[Math.floor(random() * urls.length)] ?? '', account)
  const created = await insist(async () => (await somebody()).create(bytes, { chunkSize }), [200])
  const taskId = String(created.body['taskId'])
  const waiting = [...chunksOf(bytes, chunkSize).entries()]
  const send = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const [index, piece] = next
      if (random() < 0.05) await breakOff(await somebody(), taskId, index, piece)
      await insist(async () => (await somebody()).putChunk(taskId, index, piece), [200, 409])
    }
  }
  await Promise.all([send(), send(), send()])
  await insist(async () => (await somebody()).complete(taskId), [200, 202])
  return { taskId, account, bytes }
}

async function breakOff(client: Awaited<ReturnType<typeof clientOf>>, taskId: string, index: number, piece: Buffer) {
  const request = holdRequest(client, 'PUT', `/api/files/upload/chunk/${taskId}/${index}`, {
    'content-length': piece.length,
  })
  await request.send(piece.subarray(0, piece.length / 2)).catch(() => {})
  request.cut()
}

/** Asks until it is granted, for a minute at most. */
async function insist(ask: () => Promise<Answer>, granted: readonly number[]): Promise<Answer> {
  const deadline = Date.now() + 60_000
  for (;;) {
    // Without an answer the process is away.
    const answer = await ask().catch(() => undefined)
    if (answer && granted.includes(answer.status)) return answer
    const mayPass = answer === undefined || answer.status === 503 || answer.status === 423
    if (!mayPass || Date.now() > deadline)
      throw new Error(`answered ${answer?.status}: ${JSON.stringify(answer?.body)}`)
    await delay(50)
  }
}
