import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newAgeKey } from '../support/age-command.ts'
import type { TestClient } from '../support/client.ts'
import { addPool, resultFileIds, runTask, showFile } from '../support/job-files.ts'
import { measureLoad, withLoopDelay } from '../support/load.ts'
import { sparseFile } from '../support/sparse-file.ts'
import { openStage, type Stage } from '../support/stage.ts'

const gibibyte = 1024 ** 3
const sizeBytes = 4 * gibibyte

describe('a file of 4 GiB', () => {
  let stage: Stage
  let client: TestClient
  let fileId: string
  beforeAll(async () => {
    stage = await openStage({ env: withLoopDelay })
    client = await stage.client()
    fileId = await sparseFile(stage, client, sizeBytes)
  })
  afterAll(() => stage.close())

  /** Runs a task in the stage's only worker, which may take 150 MB for it and hold its event loop up for 50 ms. */
  async function runWithinBounds(type: string, parameters: Record<string, unknown>) {
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
    expect(load.risenBytes).toBeLessThan(150e6)
    expect(load.loopDelayMs - load.idleDelayMs).toBeLessThan(50)
    if (task === undefined) throw new Error('it was not run')
    return task
  }

  async function hashOf(id: string): Promise<unknown> {
    return (await showFile(client, id))['hash']
  }

  /** Makes room on the disk for what comes next. */
  async function removed(fileIds: readonly string[]): Promise<void> {
    for (const id of fileIds) {
      const [object] = await stage.sql`
        select pool_id, key from objects where id = (select object_id from files where id = ${id})`
      await rm(join(stage.system.dataDir, 'pools', String(object?.['poolId']), String(object?.['key'])))
    }
    await stage.sql`delete from files where id = any(${[...fileIds]}::uuid[])`
  }

  it('is encrypted, and decrypted to the same', async () => {
    const { identity, recipient } = await newAgeKey()
    const encrypted = await runWithinBounds('FileEncrypt', { fileIds: [fileId], recipients: [recipient] })
    const [sealedId = 'none'] = resultFileIds(encrypted)
    expect(Number((await showFile(client, sealedId))['size'])).toBeGreaterThan(sizeBytes)
    const decrypted = await runWithinBounds('FileDecrypt', { fileIds: [sealedId], identities: [identity] })
    const [openedId = 'none'] = resultFileIds(decrypted)
    expect(await hashOf(openedId)).toBe(await hashOf(fileId))
    await removed([sealedId, openedId])
  })

  it('is migrated to another pool', async () => {
    const { poolId: sourcePoolId } = await showFile(client, fileId)
    const parameters = { sourcePoolId, targetPoolId: await addPool(stage) }
    const { results } = await runWithinBounds('StorageMigration', parameters)
    expect(results).toMatchObject({ filesProcessed: 1, bytesCopied: sizeBytes, filesFailed: 0 })
    expect(await showFile(client, fileId)).toMatchObject({ poolId: parameters.targetPoolId, size: sizeBytes })
  })

  it('is moved to another pool', async () => {
    const targetPoolId = await addPool(stage)
    const { results } = await runWithinBounds('FileMove', { fileIds: [fileId], targetPoolId })
    expect(results).toEqual({ filesProcessed: 1 })
    expect(await showFile(client, fileId)).toMatchObject({ poolId: targetPoolId, size: sizeBytes })
  })
})
