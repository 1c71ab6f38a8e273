import { execFile } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TestClient } from '../support/client.ts'
import { type EndedTask, resultFileIds, runTask, showFile, untilEnded, uploaded } from '../support/job-files.ts'
import { untilClaimed } from '../support/outcome.ts'
import { openStage, type Stage } from '../support/stage.ts'
import { createTask, verb } from '../support/tasks.ts'

const run = promisify(execFile)

describe('FileEncrypt and FileDecrypt', { timeout: 120_000 }, () => {
  let stage: Stage
  let folder: string
  let recipient: string
  let identity: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'longshore-age-'))
    await run('age-keygen', ['-o', join(folder, 'key.txt')])
    const key = await readFile(join(folder, 'key.txt'), 'utf8')
    identity = /AGE-SECRET-KEY-1\w+/.exec(key)?.[0] ?? ''
    recipient = /age1\w+/.exec(key)?.[0] ?? ''
    stage = await openStage({ workers: 2 })
  })
  afterAll(async () => {
    await stage.close()
    await rm(folder, { recursive: true })
  })

  async function made(client: TestClient, task: EndedTask): Promise<{ id: string; file: Record<string, unknown> }> {
    expect(task).toMatchObject({ status: 'Completed', errorMessage: null })
    const [id = 'none'] = resultFileIds(task)
    return { id, file: await showFile(client, id) }
  }

  it('make a file that the age command opens, and open one that it made', async () => {
    const client = await stage.client()
    const bytes = randomBytes(300_000)
    const id = await uploaded(client, bytes, 'letter.pdf')
    const sealed = await made(client, await runTask(client, 'FileEncrypt', { fileIds: [id], recipients: [recipient] }))
    expect(sealed.file).toMatchObject({ name: 'letter.pdf.age' })
    await writeFile(join(folder, 'ours.age'), await client.download(sealed.id))
    await run('age', ['-d', '-i', join(folder, 'key.txt'), '-o', join(folder, 'ours'), join(folder, 'ours.age')])
    expect((await readFile(join(folder, 'ours'))).equals(bytes)).toBe(true)

    await run('age', ['-r', recipient, '-o', join(folder, 'theirs.age'), join(folder, 'ours')])
    const theirs = await uploaded(client, await readFile(join(folder, 'theirs.age')), 'theirs.pdf.age')
    const opened = await made(
      client,
      await runTask(client, 'FileDecrypt', { fileIds: [theirs], identities: [identity] }),
    )
    expect(opened.file).toMatchObject({ name: 'theirs.pdf', contentType: 'application/pdf', size: bytes.length })
    expect((await client.download(opened.id)).equals(bytes)).toBe(true)
  })

  it('go by a password, which is kept nowhere, and take the originals away when asked to', async () => {
    const client = await stage.client()
    const password = `hunter2 ${randomUUID()}`
    const bytes = randomBytes(1000)
    const id = await uploaded(client, bytes)
    const parameters = { fileIds: [id], password, removeOriginal: true }
    const task = await runTask(client, 'FileEncrypt', parameters)
    const sealed = await made(client, task)
    expect(task['parameters']).toEqual({ fileIds: [id], removeOriginal: true })
    expect((await client.call('GET', `/api/files/${id}`)).status).toBe(404)
    const wrong = await runTask(client, 'FileDecrypt', { fileIds: [sealed.id], password: 'hunter3' })
    expect(wrong).toMatchObject({ status: 'Failed', errorCode: 'DECRYPT_WRONG_PASSWORD' })
    const opened = await made(client, await runTask(client, 'FileDecrypt', { fileIds: [sealed.id], password }))
    expect((await client.download(opened.id)).equals(bytes)).toBe(true)
  })

  it('tell a cut and a damaged file apart, and leave nothing of either', async () => {
    const client = await stage.client()
    const id = await uploaded(client, randomBytes(200_000))
    const sealed = await made(client, await runTask(client, 'FileEncrypt', { fileIds: [id], recipients: [recipient] }))
    const bytes = await client.download(sealed.id)
    const damaged = Buffer.from(bytes)
    damaged[150_000] = (damaged[150_000] ?? 0) ^ 1
    const ids = [
      await uploaded(client, bytes.subarray(0, bytes.length - 10), 'cut'),
      await uploaded(client, damaged, 'damaged'),
      await uploaded(client, randomBytes(500), 'no age file'),
    ]
    const files = () => stage.sql`select id from files where account_id = ${client.account}`
    const before = (await files()).length
    const tasks = await Promise.all(
      ids.map((one) => runTask(client, 'FileDecrypt', { fileIds: [one], identities: [identity] })),
    )
    expect(tasks.map((task) => task['errorCode'])).toEqual(['DECRYPT_TRUNCATED', 'DECRYPT_TAMPERED', 'DECRYPT_NOT_AGE'])
    expect(await files()).toHaveLength(before)
  })

  it('go on after a pause and a kill with the files that were not done', async () => {
    const client = await stage.client()
    const contents = Array.from({ length: 3 }, () => randomBytes(1_000_000))
    const fileIds = await Promise.all(contents.map((bytes, index) => uploaded(client, bytes, `part ${index}`)))
    const password = 'a password that takes its time'
    const taskId = await createTask(client, 'FileEncrypt', { fileIds, password })
    await untilClaimed(stage.sql, taskId)
    await verb(client, taskId, 'pause')
    await verb(client, taskId, 'resume')
    const { pid } = await untilClaimed(stage.sql, taskId)
    stage.system.workers.find((one) => one.pid === pid)?.kill('SIGKILL')
    const task = await untilEnded(client, taskId)
    expect(task).toMatchObject({ status: 'Completed', results: { filesProcessed: 3, resultFilesCount: 3 } })
    const sealedIds = resultFileIds(task)
    const opened = await runTask(client, 'FileDecrypt', { fileIds: sealedIds, password })
    for (const [index, id] of resultFileIds(opened).entries()) {
      expect((await client.download(id)).equals(contents[index] ?? Buffer.alloc(0))).toBe(true)
    }
  })

  it.each([
    ['FileEncrypt', {}, 'parameters.password'],
    ['FileEncrypt', { password: 'x', recipients: ['age1x'] }, 'parameters.recipients'],
    ['FileEncrypt', { recipients: ['age1x'] }, 'parameters.recipients.0'],
    ['FileDecrypt', { identities: ['nothing'] }, 'parameters.identities.0'],
    ['FileDecrypt', { password: '' }, 'parameters.password'],
  ])('%s is refused at once with %j', async (type, keys, field) => {
    const client = await stage.client()
    const parameters = { fileIds: [randomUUID()], ...keys }
    const { status, body } = await client.call('POST', '/api/tasks', { body: { type, parameters } })
    expect(status).toBe(400)
    expect(JSON.stringify(body)).toContain(`"${field}"`)
  })
})

describe('an upload with encryptPassword', { timeout: 120_000 }, () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await openStage()
  })
  afterAll(() => stage.close())

  it('becomes an age file, of which neither the plaintext nor the password is kept', async () => {
    const client = await stage.client()
    const bytes = Buffer.concat([Buffer.from('plain to see'), randomBytes(700_000)])
    const plain = await uploaded(client, bytes, 'plain')
    const { taskId, file } = await client.upload(bytes, { fileName: 'secret.txt', encryptPassword: 'open sesame' })
    expect(file).toMatchObject({ name: 'secret.txt.age' })
    expect(Number(file['size'])).toBeGreaterThan(bytes.length)
    const stored = await client.download(file['id'])
    expect(stored.subarray(0, 21).toString()).toBe('age-encryption.org/v1')
    expect(await stage.sql`select 1 from task_secrets`).toHaveLength(0)
    const [row] = await stage.sql`select parameters from tasks where id = ${taskId}`
    expect(JSON.stringify(row)).not.toContain('sesame')
    const paths = (await stage.poolFiles()).filter((path) => path.includes(taskId))
    expect(paths.filter((path) => !path.startsWith('.uploads'))).toEqual([])
    const task = await runTask(client, 'FileDecrypt', { fileIds: [file['id']], password: 'open sesame' })
    const [opened = 'none'] = resultFileIds(task)
    expect(await showFile(client, opened)).toMatchObject({ name: 'secret.txt', contentType: 'text/plain' })
    expect((await client.download(opened)).equals(await client.download(plain))).toBe(true)
  })
})
