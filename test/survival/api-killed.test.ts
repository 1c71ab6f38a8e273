import { randomBytes } from 'node:crypto'
import { open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { chunksOf } from '../support/client.ts'
import { holdRequest } from '../support/held-request.ts'
import { expectOneFile } from '../support/outcome.ts'
import { openStage, type Stage } from '../support/stage.ts'
import { until } from '../support/system.ts'

let stage: Stage
beforeAll(async () => {
  stage = await openStage()
})
afterAll(() => stage.close())

it('loses no acknowledged chunk with an API process killed in the middle of others', { timeout: 120_000 }, async () => {
  const client = await stage.client()
  const bytes = randomBytes(6_543_210)
  const pieces = chunksOf(bytes, 1_000_000)
  const piece = (index: number) => pieces[index] ?? Buffer.alloc(0)
  const { body } = await client.create(bytes, { chunkSize: 1_000_000 })
  const taskId = String(body['taskId'])
  for (const index of [5, 0, 3])
    expect(await client.putChunk(taskId, index, piece(index))).toMatchObject({ status: 200 })

  const path = `/api/files/upload/chunk/${taskId}`
  const raw = holdRequest(client, 'PUT', `${path}/2`, { 'content-length': 1_000_000 })
  const form = holdRequest(client, 'POST', `${path}/4`, { 'content-type': 'multipart/form-data; boundary=cut' })
  await raw.send(piece(2).subarray(0, 600_000))
  await form.send('--cut\r\ncontent-disposition: form-data; name="chunk"; filename="4"\r\n\r\n')
  await form.send(piece(4).subarray(0, 600_000))
  const stagingPath = String(await stage.stagingPath(taskId))
  await until(
    async () => (await isWritten(stagingPath, 2_000_000, piece(2))) && isWritten(stagingPath, 4_000_000, piece(4)),
  )
  const { ino } = await stat(stagingPath)

  const [api] = stage.system.apis
  api?.kill('SIGKILL')
  const killedAt = Date.now()
  await api?.exited
  await stage.system.startApi(Number(new URL(client.url).port))

  const resumed = await client.call('GET', `/api/files/upload/resume/${taskId}`)
  expect(resumed.body).toMatchObject({ status: 'InProgress', chunksCount: 7, uploadedChunks: [0, 3, 5] })
  for (const index of [2, 4]) {
    const refused = await client.putChunk(taskId, index, piece(index))
    expect(refused).toMatchObject({ status: 423, body: { code: 'CHUNK_BUSY' } })
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
    expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(15)
  }
  for (const index of [1, 6]) expect(await client.putChunk(taskId, index, piece(index))).toMatchObject({ status: 200 })
  for (const index of [2, 4]) {
    await until(async () => ((await client.putChunk(taskId, index, piece(index))).status === 200 ? true : undefined))
  }
  expect(Date.now() - killedAt).toBeLessThan(15_000)

  expect(await client.complete(taskId)).toMatchObject({ status: 200 })
  await expectOneFile(stage, client, taskId, bytes)
  // Whoever was writing when its lease was taken over may still hold the staging file open.
  const [objectPath = ''] = (await stage.poolFiles()).filter((name) => name.includes(taskId))
  expect((await stat(join(stage.poolPath, objectPath))).ino).not.toBe(ino)
})

/** Whether the first 256 KiB of a piece have reached the file. */
async function isWritten(path: string, offsetBytes: number, piece: Buffer): Promise<true | undefined> {
  const handle = await open(path, 'r')
  try {
    const { buffer } = await handle.read(Buffer.alloc(262_144), 0, 262_144, offsetBytes)
    return buffer.equals(piece.subarray(0, 262_144)) ? true : undefined
  } finally {
    await handle.close()
  }
}
