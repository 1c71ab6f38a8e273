import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { packageRoot } from '../../src/package-root.ts'
import { openStage, type Stage } from '../support/stage.ts'
import { startProcess } from '../support/process.ts'
import { secret } from '../support/system.ts'
import { createTask, listIn, untilStatus } from '../support/tasks.ts'

describe("an app's own task types", () => {
  let stage: Stage

  beforeAll(async () => {
    stage = await openStage({ env: { TASK_MODULES: join(packageRoot(), 'examples/word-count.mjs') } })
  })
  afterAll(() => stage.close())

  it('are listed, checked and run like the others: the example counts words', async () => {
    const client = await stage.client()
    const types = listIn(await client.call('GET', '/api/tasks/types')).map((one) => one['type'])
    expect(types).toEqual(expect.arrayContaining(['WordCount', 'FileMove']))
    const texts = ['one two', ' three\nfour  five ', '']
    const taskId = await createTask(client, 'WordCount', { texts })
    expect(await untilStatus(client, taskId, 'Completed')).toMatchObject({ name: 'Count words', results: { words: 5 } })
    const wrong = await client.call('POST', '/api/tasks', { body: { type: 'WordCount', parameters: { texts: [] } } })
    expect(wrong).toMatchObject({ status: 400, body: { code: 'VALIDATION_FAILED' } })
  })

  it.each([
    ['API', 'src/main.js'],
    ['worker', 'workers/main.js'],
  ])('stop the %s with one clear line when one has the name of a built-in type', async (_, file) => {
    const env = {
      DATABASE_URL: stage.databaseUrl,
      DATA_DIR: stage.system.dataDir,
      AUTH_JWT_SECRET: secret,
      PORT: '0',
      TASK_MODULES: join(packageRoot(), 'test/fixtures/tasks/shadowing.mjs'),
    }
    const refused = startProcess({ file, env })
    expect(await refused.exited).toEqual({ code: 1, signal: null })
    const lines = refused.output().split('\n')
    expect(lines.filter((line) => line.startsWith('longshore: '))).toEqual([
      'longshore: TASK_MODULES: FileMove is a task type of Longshore itself; give yours another name',
    ])
    expect(refused.output()).not.toContain('    at ')
  })
})
