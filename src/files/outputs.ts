import { randomUUID } from 'node:crypto'
import type { Query, Sql } from '../db/connect.ts'
import {
  commitOutputs,
  deleteOutputs,
  type FinishedOutput,
  finishOutputs,
  listOutputs,
  type ObjectSwitch,
  type OutputFile,
  type OutputRow,
  reserveOutputs,
  switchObjects,
} from '../db/outputs.ts'
import { changeUsage } from '../db/usage.ts'
import type { ObjectCheckpoint, ObjectName, ObjectSource } from '../storage/contract.ts'
import { type JobContext, StopReason } from '../tasks/define-job.ts'
import { beginOutput, type OutputTarget, type OutputWriter, resumeOutput } from './output-writer.ts'
import type { Pools } from './pools.ts'
import { takeFromQuota } from './quota.ts'

export type OutputDeps = { sql: Sql; pools: Pools }
export type OutputPlan = { slot: string; poolId: string }
export type StoredObject = { objectId: string; poolId: string; objectKey: string; sizeBytes: number; sha256: Buffer }
type Run = Pick<JobContext, 'taskId' | 'epoch' | 'signal'>

/** A crash costs what was finished and not noted; noting each by itself would cost a commit per output. */
const noteEveryMs = 1000
const noteEveryCount = 128
const mostReserved = 256

/**
 * What a run writes into pools: nobody sees it before it is committed in the transaction that ends the task. Finished
 * outputs outlive their claim, so that the next one need not make them again; whatever is never committed is swept.
 */
export class TaskOutputs {
  readonly #deps: OutputDeps
  readonly #run: Run
  readonly #finished = new Map<string, FinishedOutput>()
  readonly #free = new Map<string, Promise<string[]>>()
  #reservedCount = 0
  #unnoted: FinishedOutput[] = []
  #notedAtMs = performance.now()

  private constructor(deps: OutputDeps, run: Run) {
    this.#deps = deps
    this.#run = run
  }

  /** Takes up what earlier claims finished, and removes what they did not, but what `keep` goes on from. */
  static async open(deps: OutputDeps, run: Run, keep?: ObjectCheckpoint): Promise<TaskOutputs> {
    const outputs = new TaskOutputs(deps, run)
    const rows = await listOutputs(deps.sql, run.taskId)
    for (const row of rows) if (row.key !== null) outputs.#finished.set(row.slot, { ...row })
    const useless = rows.filter((row) => row.key === null && row.epoch < run.epoch && row.id !== keep?.name.id)
    await outputs.#discard(useless)
    return outputs
  }

  finished(slot: string): FinishedOutput | undefined {
    return this.#finished.get(slot)
  }

  /** Begins an output. Any number may be written at the same time. Throws StopReason when the claim is lost. */
  async begin(plan: OutputPlan): Promise<OutputWriter> {
    return beginOutput(await this.#target(plan))
  }

  /** Goes on with an output of an earlier claim from its checkpoint; undefined when that is not there any more. */
  async resume(plan: OutputPlan, checkpoint: ObjectCheckpoint): Promise<OutputWriter | undefined> {
    return resumeOutput(await this.#target(plan), checkpoint, this.#run.signal)
  }

  /** Makes an output by copying an object inside or between stores; undefined when it has to be read and written. */
  async clone(plan: OutputPlan, from: StoredObject, source: ObjectSource): Promise<FinishedOutput | undefined> {
    const { storage, name, onFinished } = await this.#target(plan)
    const copied = await storage.copyObject(name, source, this.#run.signal)
    return copied && onFinished({ key: copied.key, sizeBytes: from.sizeBytes, sha256: from.sha256 })
  }

  /** Notes what was finished, so that a later claim finds it. */
  async flush(query: Query = this.#deps.sql): Promise<void> {
    const { taskId, epoch } = this.#run
    this.#notedAtMs = performance.now()
    const outputs = this.#unnoted
    if (outputs.length === 0) return
    this.#unnoted = []
    if (!(await finishOutputs(query, { taskId, epoch }, outputs))) throw new StopReason('lost')
  }

  /**
   * Makes files of finished outputs, in the transaction that ends the task. Throws QUOTA_EXCEEDED when the account has no room
   * for them; `isReserved` when it has kept it.
   */
  async commit(
    query: Query,
    files: readonly (Omit<OutputFile, 'outputId' | 'objectId'> & { slot: string })[],
    { isReserved }: { isReserved: boolean } = { isReserved: false },
  ): Promise<void> {
    await this.flush(query)
    const wanted = files.map(({ slot, ...file }) => ({
      ...file,
      outputId: this.#known(slot).id,
      objectId: randomUUID(),
    }))
    const changes = await commitOutputs(query, this.#run.taskId, wanted)
    if (changes.length !== files.length) throw new StopReason('lost')
    if (isReserved) await changeUsage(query, changes)
    else await takeFromQuota(query, this.#deps.pools.quota, changes)
  }

  /**
   * Has files refer to finished outputs with the same bytes instead of their former objects: those in `fileIds`, or all
   * that share the object. Answers the ids of the files that were moved. Throws QUOTA_EXCEEDED when they are one account's
   * and it has no room for them there.
   */
  async switch(
    query: Query,
    switches: readonly { slot: string; fromObjectId: string }[],
    fileIds: readonly string[] | 'all',
  ): Promise<string[]> {
    await this.flush(query)
    const wanted: ObjectSwitch[] = switches.map(({ slot, fromObjectId }) => {
      return { outputId: this.#known(slot).id, objectId: randomUUID(), fromObjectId }
    })
    const moved = await switchObjects(query, this.#run.taskId, wanted, fileIds)
    for (const { slot } of switches) this.#finished.delete(slot)
    const isOneAccount = new Set(moved.changes.map((change) => change.accountId)).size === 1
    if (isOneAccount) await takeFromQuota(query, this.#deps.pools.quota, moved.changes)
    else await changeUsage(query, moved.changes)
    return moved.fileIds
  }

  #known(slot: string): FinishedOutput {
    const output = this.#finished.get(slot)
    if (!output) throw new Error(`output ${slot} was never finished`)
    return output
  }

  async #target(plan: OutputPlan): Promise<OutputTarget> {
    const storage = await this.#deps.pools.open(plan.poolId)
    const name = await this.#reserve(plan.poolId)
    return { storage, name, onFinished: (made) => this.#add({ id: name.id, ...plan, ...made }) }
  }

  async #add(output: FinishedOutput): Promise<FinishedOutput> {
    this.#finished.set(output.slot, output)
    this.#unnoted.push(output)
    const isDue = this.#unnoted.length >= noteEveryCount || performance.now() - this.#notedAtMs >= noteEveryMs
    if (isDue) await this.flush()
    return output
  }

  async #reserve(poolId: string): Promise<ObjectName> {
    for (;;) {
      const free = this.#free.get(poolId) ?? this.#reserveMore(poolId)
      const id = (await free).pop()
      if (id !== undefined) return { id, epoch: this.#run.epoch }
      // Somebody else took the last one; whoever comes first asks for more.
      if (this.#free.get(poolId) === free) this.#free.delete(poolId)
    }
  }

  #reserveMore(poolId: string): Promise<string[]> {
    // A job with one output reserves one; one with thousands asks seldom.
    const count = Math.min(mostReserved, Math.max(1, this.#reservedCount))
    this.#reservedCount += count
    const ids = Array.from({ length: count }, () => randomUUID())
    const { taskId, epoch } = this.#run
    const reserving = reserveOutputs(this.#deps.sql, { taskId, epoch }, { poolId, ids }).then((isKept) => {
      if (!isKept) throw new StopReason('lost')
      return ids
    })
    this.#free.set(poolId, reserving)
    reserving.catch(() => this.#free.delete(poolId))
    return reserving
  }

  async #discard(rows: readonly OutputRow[]): Promise<void> {
    for (const { id, epoch, poolId } of rows) {
      const storage = await this.#deps.pools.open(poolId)
      await storage.discardObject({ id, epoch })
    }
    if (rows.length > 0) {
      await deleteOutputs(
        this.#deps.sql,
        rows.map(({ id }) => id),
      )
    }
  }
}
