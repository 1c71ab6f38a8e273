import { execFile } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { text } from '../support/archive-entries.ts'
import type { TestClient } from '../support/client.ts'
import { addBundle, addPool, type EndedTask, runTask, showFile } from '../support/job-files.ts'
import { storedFile } from '../support/stored-file.ts'
import { openStage, type Stage } from '../support/stage.ts'

const run = promisify(execFile)

describe('FileCompress', { timeout: 120_000 }, () => {
  let stage: Stage
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'longshore-compress-'))
    stage = await openStage()
  })
  afterAll(async () => {
    await stage.close()
    await rm(folder, { recursive: true })
  })

  async function archive(
    client: TestClient,
    task: EndedTask,
  ): Promise<{ path: string; file: Record<string, unknown> }> {
    expect(task).toMatchObject({ status: 'Completed', errorMessage: null })
    const file = await showFile(client, task.results?.['resultFileId'])
    const path = join(folder, `${randomUUID()} ${String(file['name'])}`)
    await writeFile(path, await client.download(file['id']))
    return { path, file }
  }

  it('packs files with their folders; a name that comes twice is numbered, one that leads away is not kept', async () => {
    const client = await stage.client()
    const names = ['a.txt', 'docs/a.txt', 'A.txt', '../../etc/passwd', 'C:\\Windows\\win.ini', 'Übergröße.txt']
    const contents = names.map((name) => Buffer.from(`this is ${name}`))
    const fileIds: string[] = []
    for (const [index, name] of names.entries())
      fileIds.push(await storedFile(stage, client, contents[index] ?? Buffer.alloc(0), name))
    const task = await runTask(client, 'FileCompress', { fileIds })
    const { path, file } = await archive(client, task)
    expect(file).toMatchObject({ name: 'archive.zip', contentType: 'application/zip' })
    await run('unzip', ['-tq', path])
    await run('unzip', ['-q', '-d', join(folder, 'names'), path])
    const packed = ['a.txt', 'docs/a.txt', 'A (2).txt', '_/_/etc/passwd', 'C_/Windows/win.ini', 'Übergröße.txt']
    for (const [index, name] of packed.entries()) {
      expect(await readFile(join(folder, 'names', name))).toEqual(contents[index])
    }
  })

  it.each([
    ['zip', ['unzip', '-tq'], 'application/zip'],
    ['tar', ['bsdtar', '-tf'], 'application/x-tar'],
    ['tar.gz', ['gzip', '-t'], 'application/gzip'],
    ['tar.zst', ['zstd', '-tq'], 'application/zstd'],
  ])(
    '%s says how large it became, and goes where it is told to',
    async (compressionFormat, [tool = '', ...args], contentType) => {
      const client = await stage.client()
      const targetPoolId = await addPool(stage)
      const targetBundleId = await addBundle(stage, client)
      const fileIds = [
        await storedFile(stage, client, text(2_000_000), 'text'),
        await storedFile(stage, client, randomBytes(1_500_000), 'noise'),
      ]
      const parameters = {
        fileIds,
        compressionFormat,
        compressionLevel: 9,
        outputFileName: 'my files',
        targetPoolId,
        targetBundleId,
      }
      const task = await runTask(client, 'FileCompress', parameters)
      const { path, file } = await archive(client, task)
      expect(file).toMatchObject({
        name: `my files.${compressionFormat}`,
        contentType,
        poolId: targetPoolId,
        bundleId: targetBundleId,
      })
      expect(task.results).toEqual({
        resultFileId: file['id'],
        filesProcessed: 2,
        compressedSize: file['size'],
        compressionRatio: expect.closeTo(Number(file['size']) / 3_500_000, 5),
      })
      expect(Number(file['size'])).toBeLessThan(compressionFormat === 'tar' ? 3_600_000 : 3_000_000)
      await run(tool, [...args, path])
    },
  )

  it('stores what is compressed already, by its type or by its bytes', async () => {
    const client = await stage.client()
    const fileIds = [
      await storedFile(stage, client, text(50_000), 'photo.jpg'),
      await storedFile(stage, client, randomBytes(2_500_000), 'noise.bin'),
      await storedFile(stage, client, text(2_500_001), 'text.bin'),
    ]
    const { path } = await archive(client, await runTask(client, 'FileCompress', { fileIds, outputFileName: 'x.zip' }))
    const { stdout } = await run('unzip', ['-v', path])
    expect(stdout).toMatch(/^ *50000 +Stored .* photo\.jpg$/m)
    expect(stdout).toMatch(/^ *2500000 +Stored .* noise\.bin$/m)
    expect(stdout).toMatch(/^ *2500001 +Defl:N .* text\.bin$/m)
  })

  it('fails when a file is missing, is not the account’s, or has nowhere to go', async () => {
    const client = await stage.client()
    const other = await stage.client()
    const fileId = await storedFile(stage, client, randomBytes(1000))
    const failed = async (one: TestClient, fields: Record<string, unknown>) =>
      (await runTask(one, 'FileCompress', { fileIds: [fileId], ...fields }))['errorCode']
    expect(await failed(client, { fileIds: [fileId, randomUUID()] })).toBe('SOURCE_MISSING')
    expect(await failed(other, {})).toBe('SOURCE_MISSING')
    expect(await failed(client, { targetPoolId: randomUUID() })).toBe('POOL_NOT_FOUND')
    expect(await failed(client, { targetBundleId: randomUUID() })).toBe('BUNDLE_NOT_FOUND')
    expect(await stage.sql`select 1 from files where account_id = ${client.account}`).toHaveLength(1)
  })

  it.each([
    [{ fileIds: [] }, 'parameters.fileIds'],
    [{ compressionFormat: 'rar' }, 'parameters.compressionFormat'],
    [{ compressionLevel: 10 }, 'parameters.compressionLevel'],
    [{ outputFileName: '' }, 'parameters.outputFileName'],
    [{ level: 1 }, 'parameters.level'],
  ])('is refused at once with %j', async (fields, field) => {
    const client = await stage.client()
    const parameters = { fileIds: [randomUUID()], ...fields }
    const { status, body } = await client.call('POST', '/api/tasks', { body: { type: 'FileCompress', parameters } })
    expect(status).toBe(400)
    expect(JSON.stringify(body)).toContain(`"${field}"`)
  })
})
