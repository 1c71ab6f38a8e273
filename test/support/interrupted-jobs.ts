import { randomBytes } from 'node:crypto'
import { expect } from 'vitest'
import sharp from 'sharp'
import { decryptWith } from '../../src/age/decrypt.ts'
import { encryptTo } from '../../src/age/encrypt.ts'
import type { DecryptionKeys } from '../../src/age/keys.ts'
import { type AgeKey, newAgeKey } from './age-command.ts'
import type { TestClient } from './client.ts'
import { addPool, type EndedTask, resultFileIds, runTask, showFile } from './job-files.ts'
import type { Stage } from './stage.ts'
import { storedFile } from './stored-file.ts'
import { createTask } from './tasks.ts'

/** What the interrupted tasks work on; made once for all. */
export type Ground = {
  stage: Stage
  targetPoolId: string
  bytes: Buffer
  /** The same as an age file for `key`. */
  sealed: Buffer
  images: Buffer[]
  key: AgeKey
  /** What undisturbed runs made. */
  whole: { archive: Buffer; jpegs: Buffer[] }
}

/** A task that is going to be interrupted. */
export type Prepared = {
  /** Begins it; answers its id. */
  start: () => Promise<string>
  /** The files it reads. */
  fileIds: readonly string[]
  /** What a retry has to bring; undefined when it cannot be retried. */
  retry?: Record<string, unknown>
  /** That its result is what it would have been undisturbed. */
  check: (task: EndedTask) => Promise<void>
}

type Prepare = (ground: Ground, client: TestClient) => Promise<Prepared>

const mebibyte = 1024 * 1024
const sourcePoolId = '550e8400-e29b-41d4-a716-446655440000'
const password = 'a password for an upload'

export async function openGround(stage: Stage): Promise<Ground> {
  const [key, targetPoolId] = [await newAgeKey(), await addPool(stage)]
  const bytes = randomBytes(9 * mebibyte + 345)
  const { encrypt } = await encryptTo({ recipients: [key.recipient] })
  const sealed = await joined(encrypt(piecesOf(bytes)))
  const noise = (index: number) => ({ width: 300 + index, height: 200, channels: 3 as const, noise: noiseOf(index) })
  const images = await Promise.all(
    Array.from({ length: 12 }, (_, index) =>
      sharp({ create: { background: 'black', ...noise(index) } })
        .png()
        .toBuffer(),
    ),
  )
  return { stage, targetPoolId, bytes, sealed, images, key, whole: await undisturbed(stage, bytes, images) }
}

async function undisturbed(stage: Stage, bytes: Buffer, images: Buffer[]): Promise<Ground['whole']> {
  const client = await stage.client()
  const [packed, converted] = await Promise.all([
    runTask(client, 'FileCompress', { fileIds: await toCompress(stage, client, bytes) }),
    runTask(client, 'FileConversion', { fileIds: await storedFiles(stage, client, images), format: 'jpeg' }),
  ])
  return {
    archive: await client.download(packed.results?.['resultFileId']),
    jpegs: await Promise.all(resultFileIds(converted).map((id) => client.download(id))),
  }
}

/** Of the same age in every account, so that the same archive comes of them. */
async function toCompress(stage: Stage, client: TestClient, bytes: Buffer): Promise<string[]> {
  const fileIds = await storedFiles(stage, client, [bytes.subarray(0, mebibyte), bytes])
  await stage.sql`update files set created_at = '2024-05-06' where id = any(${fileIds}::uuid[])`
  return fileIds
}

function noiseOf(index: number) {
  return { type: 'gaussian' as const, mean: 100 + index, sigma: 30 }
}

/** Every task type by name: what one works on, how it is begun, and what it must have come to. */
export const interruptedJobs: Record<string, Prepare> = {
  FileMove: async ({ stage, targetPoolId, bytes }, client) => {
    const fileIds = [await storedFile(stage, client, bytes)]
    const start = () => createTask(client, 'FileMove', { fileIds, targetPoolId })
    return { start, fileIds, retry: {}, check: () => expectAt(client, targetPoolId, fileIds, [bytes]) }
  },
  FileCompress: async ({ stage, bytes, whole }, client) => {
    const fileIds = await toCompress(stage, client, bytes)
    const start = () => createTask(client, 'FileCompress', { fileIds })
    const check = async (task: EndedTask) => {
      expect((await client.download(task.results?.['resultFileId'])).equals(whole.archive)).toBe(true)
    }
    return { start, fileIds, retry: {}, check }
  },
  FileDecompress: async ({ stage, bytes }, client) => {
    const contents = cut(bytes, 8)
    const fileIds = await storedFiles(stage, client, contents)
    const packed = await runTask(client, 'FileCompress', { fileIds, compressionFormat: 'tar' })
    const fileId = String(packed.results?.['resultFileId'])
    const start = () => createTask(client, 'FileDecompress', { fileId })
    return {
      start,
      fileIds: [fileId],
      retry: {},
      check: (task) => expectContents(client, resultFileIds(task), contents),
    }
  },
  FileEncrypt: async ({ stage, bytes, key }, client) => {
    const fileIds = await storedFiles(stage, client, [bytes.subarray(0, mebibyte), bytes])
    const start = () => createTask(client, 'FileEncrypt', { fileIds, recipients: [key.recipient] })
    const check = async (task: EndedTask) => {
      const [small, large] = resultFileIds(task)
      expect((await opened(client, small, { identities: [key.identity] })).length).toBe(mebibyte)
      expect((await opened(client, large, { identities: [key.identity] })).equals(bytes)).toBe(true)
    }
    return { start, fileIds, retry: {}, check }
  },
  FileDecrypt: async ({ stage, bytes, sealed, key }, client) => {
    const fileIds = [await storedFile(stage, client, sealed, 'sample.bin.age')]
    const keys = { identities: [key.identity] }
    const start = () => createTask(client, 'FileDecrypt', { fileIds, ...keys })
    return { start, fileIds, retry: keys, check: (task) => expectContents(client, resultFileIds(task), [bytes]) }
  },
  FileConversion: async ({ stage, images, whole }, client) => {
    const fileIds = await storedFiles(stage, client, images)
    const start = () => createTask(client, 'FileConversion', { fileIds, format: 'jpeg' })
    return { start, fileIds, retry: {}, check: (task) => expectContents(client, resultFileIds(task), whole.jpegs) }
  },
  BulkOperation: async ({ stage, targetPoolId, bytes }, client) => {
    const contents = cut(bytes, 8)
    const fileIds = await storedFiles(stage, client, contents)
    const operationParameters = { confirm: true, targetPoolId }
    const parameters = { operationType: 'move', targetIds: fileIds, operationParameters }
    const start = () => createTask(client, 'BulkOperation', parameters)
    const check = async (task: EndedTask) => {
      expect(task.results).toMatchObject({ filesProcessed: 8, filesSkipped: 0, filesFailed: 0 })
      await expectAt(client, targetPoolId, fileIds, contents)
    }
    return { start, fileIds, retry: {}, check }
  },
  StorageMigration: async ({ stage, targetPoolId, bytes }, client) => {
    const contents = [...cut(bytes, 6), bytes]
    const fileIds = await storedFiles(stage, client, contents)
    const parameters = { sourcePoolId, targetPoolId, concurrency: 2 }
    const start = () => createTask(client, 'StorageMigration', parameters)
    const check = async (task: EndedTask) => {
      expect(task.results).toMatchObject({ filesProcessed: 7, objectsCopied: 7, filesFailed: 0 })
      await expectAt(client, targetPoolId, fileIds, contents)
    }
    return { start, fileIds, retry: {}, check }
  },
  FileUpload: async (ground, client) => {
    const bytes = Buffer.concat([ground.bytes, ground.bytes])
    const chunkSize = 8 * mebibyte
    const { body } = await client.create(bytes, { encryptPassword: password, chunkSize })
    const taskId = String(body['taskId'])
    for (let at = 0; at < bytes.length; at += chunkSize) {
      expect(await client.putChunk(taskId, at / chunkSize, bytes.subarray(at, at + chunkSize))).toMatchObject({
        status: 200,
      })
    }
    const start = async () => {
      await client.complete(taskId, { prefer: 'respond-async' })
      return taskId
    }
    const check = async ({ results }: EndedTask) => {
      expect((await opened(client, results?.['fileId'], { password })).equals(bytes)).toBe(true)
    }
    return { start, fileIds: [], check }
  },
}

async function storedFiles(stage: Stage, client: TestClient, contents: readonly Buffer[]): Promise<string[]> {
  return Promise.all(contents.map((bytes, index) => storedFile(stage, client, bytes, `file ${index}.bin`)))
}

async function expectContents(client: TestClient, fileIds: readonly string[], contents: readonly Buffer[]) {
  expect(fileIds).toHaveLength(contents.length)
  for (const [index, id] of fileIds.entries()) {
    const isSame = (await client.download(id)).equals(contents[index] ?? Buffer.alloc(0))
    expect({ index, isSame }).toEqual({ index, isSame: true })
  }
}

async function expectAt(client: TestClient, poolId: string, fileIds: readonly string[], contents: readonly Buffer[]) {
  await expectContents(client, fileIds, contents)
  for (const id of fileIds) expect(await showFile(client, id)).toMatchObject({ poolId })
}

async function opened(client: TestClient, fileId: unknown, keys: DecryptionKeys): Promise<Buffer> {
  return joined(await decryptWith(keys, piecesOf(await client.download(fileId))))
}

function cut(bytes: Buffer, count: number): Buffer[] {
  const sizeBytes = Math.ceil(bytes.length / count)
  return Array.from({ length: count }, (_, index) => bytes.subarray(index * sizeBytes, (index + 1) * sizeBytes))
}

async function* piecesOf(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes
}

async function joined(pieces: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = []
  for await (const piece of pieces) all.push(piece)
  return Buffer.concat(all)
}
