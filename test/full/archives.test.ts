import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { text } from '../support/archive-entries.ts'
import type { TestClient } from '../support/client.ts'
import { resultFileIds, runTask, showFile } from '../support/job-files.ts'
import { measureLoad, withLoopDelay } from '../support/load.ts'
import { sparseFile } from '../support/sparse-file.ts'
import { openStage, type Stage } from '../support/stage.ts'
import { storedFile } from '../support/stored-file.ts'

const run = promisify(execFile)
const sizeBytes = 4 * 1024 ** 3
const manyEntries = 65_600

describe('an archive', () => {
  let stage: Stage
  let client: TestClient
  beforeAll(async () => {
    stage = await openStage({ env: { ...withLoopDelay, ARCHIVE_MAX_RATIO: '2000' } })
    client = await stage.client()
  })
  afterAll(() => stage.close())

  /** Runs a task in the stage's only worker, which may take so much memory for it and hold its event loop up for 50 ms. */
  async function runWithinBounds(type: string, parameters: Record<string, unknown>, mostBytes = 150e6) {
    const [worker] = stage.system.workers
    if (!worker) throw new Error('there is no worker')
    let task: Awaited<ReturnType<typeof runTask>> | undefined
    const startedMs = performance.now()
    const load = await measureLoad(worker, async () => {
      task = await runTask(client, type, parameters, 880_000)
    })
    const seconds = (performance.now() - startedMs) / 1000
    const delay = `event loop p99 ${load.loopDelayMs.toFixed(1)} ms (an idle one ${load.idleDelayMs.toFixed(1)})`
    console.log(`${type}: ${seconds.toFixed(1)} s, memory +${(load.risenBytes / 1e6).toFixed(0)} MB, ${delay}`)
    expect(task).toMatchObject({ status: 'Completed', errorMessage: null })
    expect(load.risenBytes).toBeLessThan(mostBytes)
    expect(load.loopDelayMs - load.idleDelayMs).toBeLessThan(50)
    if (task === undefined) throw new Error('it was not run')
    return task
  }

  async function objectPath(fileId: unknown): Promise<string> {
    const [object] = await stage.sql`
      select key from objects where id = (select object_id from files where id = ${String(fileId)})`
    return join(stage.poolPath, String(object?.['key']))
  }

  it('of 4 GiB takes little memory, and is sound for others', async () => {
    const fileIds = [
      await sparseFile(stage, client, sizeBytes),
      await storedFile(stage, client, text(1000), 'small.txt'),
    ]
    const packed = await runWithinBounds('FileCompress', { fileIds })
    const path = await objectPath(packed.results?.['resultFileId'])
    await run('unzip', ['-tq', path])
    await run('7z', ['t', path])
    const unpacked = await runWithinBounds('FileDecompress', { fileId: packed.results?.['resultFileId'] })
    const [first = 'none', second = 'none'] = resultFileIds(unpacked)
    const hashOf = async (id: string | undefined) => (await showFile(client, id))['hash']
    expect(await hashOf(first)).toBe(await hashOf(fileIds[0]))
    expect(await hashOf(second)).toBe(await hashOf(fileIds[1]))
  })

  it('of more than 65,535 entries is sound for others', async () => {
    const first = await storedFile(stage, client, Buffer.from('the same bytes in all of them'), 'entry')
    const fileIds = Array.from({ length: manyEntries }, () => randomUUID())
    await stage.sql`
      insert into files (id, account_id, object_id, name, content_type, size_bytes)
      select made.id, files.account_id, object_id, 'entries/' || made.number, content_type, size_bytes
      from files, unnest(${fileIds}::uuid[]) with ordinality as made (id, number) where files.id = ${first}`
    // The names and places of so many files take most of it.
    const packed = await runWithinBounds('FileCompress', { fileIds }, 220e6)
    expect(packed.results).toMatchObject({ filesProcessed: manyEntries })
    const path = await objectPath(packed.results?.['resultFileId'])
    await run('unzip', ['-tq', path])
    const { stdout } = await run('7z', ['t', path])
    expect(stdout).toContain(`Files: ${manyEntries}`)
  })
})
