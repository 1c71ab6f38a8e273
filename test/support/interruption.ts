import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'vitest'
import type { Random } from '../../scripts/chaos/random.ts'
import type { TestClient } from './client.ts'
import { type EndedTask } from './job-files.ts'
import { type Ground, interruptedJobs, type Prepared } from './interrupted-jobs.ts'
import type { PacedStage } from './paced-stage.ts'
import { until } from './system.ts'
import { listIn, showTask, untilStatus, verb } from './tasks.ts'

export type Interruption = 'pause' | 'cancel' | 'kill'

export type InterruptionPlan = {
  interruption: Interruption
  random: Random
  /** Also before anything was kept for a later claim. */
  anywhere?: boolean
}

type PacedGround = Ground & { stage: PacedStage }
type OnItsWay = Prepared & { type: string; client: TestClient; taskId: string; filesBefore: number }

/** What a claim left for the next one. */
type Kept = {
  /** Keys of the outputs that it finished. */
  finished: string[]
  /** The beginnings of those that it had not. */
  saved: { slot: string; name: string; sizeBytes: number }[]
  progress: number
  readsBefore: number
}

const readMs = 300
const mostWaitMs = 500
const mostAnywhereMs = 3000
const deadlineMs = 90_000

/**
 * Begins a task of every type at once, interrupts each at a random moment, and expects in the end what an undisturbed run
 * comes to, nothing beside it, and that what had been kept by then was not made again.
 */
export async function expectSameDespite(
  ground: PacedGround,
  { interruption, ...plan }: InterruptionPlan,
): Promise<void> {
  const { stage } = ground
  await stage.setPace(0)
  const prepared = await Promise.all(
    Object.entries(interruptedJobs).map(async ([type, prepare]) => {
      const client = await stage.client()
      return { type, client, ...(await prepare(ground, client)), filesBefore: await countFiles(client) }
    }),
  )
  await stage.setPace(readMs)
  const tasks = await Promise.all(prepared.map(async (one) => ({ ...one, taskId: await one.start() })))
  await Promise.all(
    tasks.map(async (task) => {
      await untilMoment(stage, task, plan)
      if (interruption === 'kill') await holdSources(stage, task)
      else await stopped(stage, task, interruption)
    }),
  )
  if (interruption === 'kill') await killWorkers(stage)
  const kept = await Promise.all(tasks.map((task) => whatIsKept(stage, task)))
  if (interruption === 'cancel') await Promise.all(tasks.map((task) => expectNothingVisible(stage, task)))
  await stage.setPace(0)
  if (interruption === 'kill') await stage.system.startWorker()
  const expectDone = async (task: OnItsWay, index: number): Promise<void> => {
    const before = kept[index]
    if (interruption === 'cancel' && !(await retried(task))) return
    if (interruption === 'pause') await verb(task.client, task.taskId, 'resume')
    const ended = await untilEnded(task, interruption === 'cancel' ? 0 : (before?.progress ?? 0))
    expect({ type: task.type, ...ended }).toMatchObject({ type: task.type, status: 'Completed', errorMessage: null })
    await task.check(ended)
    if (before && interruption !== 'cancel') await expectGoneOnWith(stage, task, before)
  }
  await Promise.all(tasks.map(expectDone))
}

async function countFiles(client: TestClient): Promise<number> {
  return listIn(await client.call('GET', '/api/files?limit=200')).length
}

async function untilMoment(
  { sql }: PacedStage,
  { taskId, type }: OnItsWay,
  { random, anywhere = false }: Omit<InterruptionPlan, 'interruption'>,
): Promise<void> {
  const isEarly = anywhere && random.next() < 0.5
  const waitMs = random.whole(0, isEarly ? mostAnywhereMs : mostWaitMs)
  const hasKept = async () => {
    const [row] = await sql`
      select 1 from task_outputs where task_id = ${taskId} and (key is not null or checkpoint is not null)`
    const [task] = await sql`select status from tasks where id = ${taskId}`
    if (task?.['status'] === 'Completed') throw new Error(`${type} was too quick to be interrupted`)
    return row && true
  }
  if (!isEarly) await until(hasKept, deadlineMs)
  // The moment is to be any; nothing is waited for here.
  await delay(waitMs)
}

async function holdSources(stage: PacedStage, { taskId, fileIds }: OnItsWay): Promise<void> {
  const rows = await stage.sql<{ key: string }[]>`
    select key from objects where id in (select object_id from files where id = any(${[...fileIds]}::uuid[]))`
  for (const { key } of rows) await stage.hold(key)
  if (rows.length === 0) await stage.hold(`.uploads/${taskId}`)
}

async function stopped(stage: PacedStage, { client, taskId }: OnItsWay, how: 'pause' | 'cancel'): Promise<void> {
  expect(await verb(client, taskId, how)).toMatchObject({ status: 200 })
  await untilStatus(client, taskId, how === 'pause' ? 'Paused' : 'Cancelled')
  await until(async () => {
    const [task] = await stage.sql`select 1 from tasks where id = ${taskId} and lease_expires_at is null`
    return task && true
  })
}

async function killWorkers({ system }: PacedStage): Promise<void> {
  const workers = system.workers.splice(0)
  for (const worker of workers) worker.kill('SIGKILL')
  await Promise.all(workers.map((worker) => worker.exited))
}

async function whatIsKept(stage: PacedStage, { taskId }: OnItsWay): Promise<Kept> {
  const finished = await stage.sql<{ key: string }[]>`
    select key from task_outputs where task_id = ${taskId} and key is not null`
  const saved = await stage.sql<Kept['saved']>`
    select checkpoint ->> 'slot' as slot, id || '.e' || epoch as name, (checkpoint ->> 'sizeBytes')::int as size_bytes
    from task_outputs where task_id = ${taskId} and checkpoint is not null`
  const [task] = await stage.sql<{ progress: number }[]>`select progress from tasks where id = ${taskId}`
  return {
    finished: finished.map(({ key }) => key),
    saved: [...saved],
    progress: task?.progress ?? 0,
    readsBefore: (await stage.reads()).length,
  }
}

async function expectNothingVisible(stage: PacedStage, { type, client, taskId, filesBefore }: OnItsWay): Promise<void> {
  expect({ type, files: await countFiles(client) }).toEqual({ type, files: filesBefore })
  const unfinished = await stage.sql<{ id: string }[]>`
    select id from task_outputs where task_id = ${taskId} and key is null`
  const paths = await stage.everyFile()
  const left = paths.filter((path) => unfinished.some(({ id }) => path.includes(id)))
  expect({ type, left }).toEqual({ type, left: [] })
}

/** False for what cannot be retried: then all of it must be gone. */
async function retried({ client, taskId, retry }: OnItsWay): Promise<boolean> {
  const body = { parameters: retry ?? {} }
  const { status } = await client.call('POST', `/api/tasks/${taskId}/retry`, { body })
  expect(status).toBe(retry === undefined ? 409 : 200)
  return retry !== undefined
}

/** Waits for the end, and expects that progress never falls behind where it was. */
async function untilEnded({ client, taskId, type }: OnItsWay, fromPercent: number): Promise<EndedTask> {
  let lastPercent = fromPercent
  return until(async () => {
    const task = await showTask(client, taskId)
    const progress = Number(task['progress'])
    if (progress < lastPercent) throw new Error(`the progress of ${type} went back from ${lastPercent} to ${progress}`)
    lastPercent = progress
    const hasEnded = ['Completed', 'Failed', 'Cancelled', 'Expired'].includes(String(task['status']))
    return hasEnded ? ({ ...task, taskId } as EndedTask) : undefined
  }, deadlineMs)
}

/** What was finished is in the result; what was saved was taken up, and a copy did not read that part of its source again. */
async function expectGoneOnWith(stage: PacedStage, { type, client }: OnItsWay, kept: Kept): Promise<void> {
  const used = await stage.sql`
    select distinct o.key from objects o join files f on f.object_id = o.id
    where f.account_id = ${client.account} and o.key = any(${kept.finished})`
  expect({ type, usedCount: used.length }).toEqual({ type, usedCount: kept.finished.length })
  const reads = (await stage.reads()).slice(kept.readsBefore)
  for (const { slot, name, sizeBytes } of kept.saved) {
    const taken = reads.filter(({ path }) => path.includes(name) || path.includes(name.replace('.e', '-')))
    const takenBytes = taken.reduce((sum, { countBytes }) => sum + countBytes, 0)
    expect({ type, isTakenUp: takenBytes >= sizeBytes }).toEqual({ type, isTakenUp: true })
    const again = reads.filter(({ path, atBytes }) => path.endsWith(`/${slot}-1`) && atBytes < sizeBytes)
    expect({ type, again }).toEqual({ type, again: [] })
  }
}
