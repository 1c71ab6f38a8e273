import { randomUUID } from 'node:crypto'
import type { z } from 'zod'
import type { Query, Sql } from '../db/connect.ts'
import {
  commitOutputs,
  type FinishedOutput,
  finishOutputs,
  listOutputs,
  markDiscarded,
  type ObjectSwitch,
  type OutputCheckpoint,
  type OutputFile,
  saveOutput,
  switchObjects,
} from '../db/outputs.ts'
import { changeUsage } from '../db/usage.ts'
import type { ObjectSource } from '../storage/contract.ts'
import { type JobContext, StopReason } from '../tasks/define-job.ts'
import { readHead } from './head.ts'
import { type OutputContent, OutputGate } from './output-gate.ts'
import { OutputNames } from './output-names.ts'
import { whenGivenUp } from './given-up.ts'
import { beginOutput, type OutputTarget, type OutputWriter, resumeOutput } from './output-writer.ts'
import { taskUser } from './pool-policy.ts'
import type { Pools } from './pools.ts'
import { takeFromQuota } from './quota.ts'

export type OutputDeps = { sql: Sql; pools: Pools }
export type OutputPlan = OutputContent & { slot: string; poolId: string }
export type StoredObject = { objectId: string; poolId: string; objectKey: string; sizeBytes: number; sha256: Buffer }
export type OutputRun = Pick<JobContext, 'taskId' | 'accountId' | 'permissions' | 'epoch' | 'signal'>
type Begun = { id: string; epoch: number; poolId: string }
/** What an earlier claim wrote of an output. */
type Saved = Begun & { checkpoint: OutputCheckpoint }

/** A crash costs what was finished and not noted; noting each by itself would cost a commit per output. */
const noteEveryMs = 1000
const noteEveryCount = 128

/**
 * What a run writes into pools: nobody sees it before it is committed in the transaction that ends the task. Finished
 * outputs outlive their claim, so that the next one need not make them again, and so does what was saved of others; whatever
 * is never committed is swept.
 */
export class TaskOutputs {
  readonly #deps: OutputDeps
  readonly #run: OutputRun
  readonly #gate: OutputGate | undefined
  readonly #givenUp: AbortSignal
  readonly #finished = new Map<string, FinishedOutput>()
  readonly #saved = new Map<string, Saved>()
  readonly #names: OutputNames
  #unnoted: FinishedOutput[] = []
  #notedAtMs = performance.now()

  private constructor(deps: OutputDeps, run: OutputRun, isWelcome: boolean) {
    this.#deps = deps
    this.#run = run
    this.#givenUp = whenGivenUp(run.signal)
    this.#gate = isWelcome ? undefined : new OutputGate(deps.sql, taskUser(run))
    this.#names = new OutputNames(deps.sql, run, this.#gate)
  }

  /**
   * Takes up what earlier claims finished or saved, and removes what else they wrote. `isWelcome`: the pools were asked
   * before, as for an upload that was begun.
   */
  static async open(deps: OutputDeps, run: OutputRun, { isWelcome = false } = {}): Promise<TaskOutputs> {
    const outputs = new TaskOutputs(deps, run, isWelcome)
    const rows = await listOutputs(deps.sql, run.taskId)
    const useless: Begun[] = []
    for (const row of rows) if (row.key !== null) outputs.#finished.set(row.slot, { ...row })
    // The latest claim got furthest: it went on from what those before it had saved.
    for (const row of rows.toSorted((a, b) => b.epoch - a.epoch)) {
      const { id, epoch, poolId, checkpoint } = row
      if (row.key !== null || epoch >= run.epoch) continue
      const isTaken = !checkpoint || outputs.#finished.has(checkpoint.slot) || outputs.#saved.has(checkpoint.slot)
      if (isTaken) useless.push({ id, epoch, poolId })
      else outputs.#saved.set(checkpoint.slot, { id, epoch, poolId, checkpoint })
    }
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

  /**
   * Goes on with what an earlier claim saved of an output, and answers what that noted. Undefined when there is nothing (any
   * more), or its note is none that this job understands.
   */
  async resume<Note>(
    plan: OutputPlan,
    schema: z.ZodType<Note>,
  ): Promise<{ output: OutputWriter; note: Note } | undefined> {
    const saved = this.#saved.get(plan.slot)
    const note = schema.safeParse(saved?.checkpoint.note)
    if (saved?.poolId !== plan.poolId || !note.success) return undefined
    const { id, epoch, checkpoint } = saved
    const { sizeBytes, state } = checkpoint
    const target = await this.#target(plan, saved)
    const output = await resumeOutput(target, { name: { id, epoch }, sizeBytes, state }, this.#run.signal)
    return output && { output, note: note.data }
  }

  /** Asks a pool about a file that comes with another one's bytes. Throws as `begin` does. */
  async requireClaim(poolId: string, content: OutputContent): Promise<void> {
    await this.#gate?.admit(poolId, content)
  }

  /** Makes an output by copying an object inside or between stores; undefined when it has to be read and written. */
  async clone(plan: OutputPlan, from: StoredObject, source: ObjectSource): Promise<FinishedOutput | undefined> {
    const { storage, name, judge, onFinished } = await this.#target(plan)
    if (judge?.asksForBytes) {
      const head = await readHead(await this.#deps.pools.open(from.poolId), from)
      if (!head) return undefined
      await judge.judge(head)
    }
    const copied = await storage.copyObject(name, source, this.#run.signal)
    if (!copied) await this.#names.giveBack(plan.poolId, name)
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
   * that share the object. Answers the ids of the files that were moved. Throws QUOTA_EXCEEDED when they are the task's
   * account's and it has no room for them there; `ofEverybody`, who did not ask for it, is booked and never refused.
   */
  async switch(
    query: Query,
    switches: readonly { slot: string; fromObjectId: string }[],
    fileIds: readonly string[] | 'all',
    { ofEverybody }: { ofEverybody: boolean } = { ofEverybody: false },
  ): Promise<string[]> {
    await this.flush(query)
    const wanted: ObjectSwitch[] = switches.map(({ slot, fromObjectId }) => {
      return { outputId: this.#known(slot).id, objectId: randomUUID(), fromObjectId }
    })
    const moved = await switchObjects(query, this.#run.taskId, wanted, fileIds)
    for (const { slot } of switches) this.#finished.delete(slot)
    if (ofEverybody) await changeUsage(query, moved.changes)
    else await takeFromQuota(query, this.#deps.pools.quota, moved.changes)
    return moved.fileIds
  }

  #known(slot: string): FinishedOutput {
    const output = this.#finished.get(slot)
    if (!output) throw new Error(`output ${slot} was never finished`)
    return output
  }

  /** `former`: what it goes on from, which is of no use any more once it has saved more itself. */
  async #target(plan: OutputPlan, former?: Saved): Promise<OutputTarget> {
    const judge = await this.#gate?.admit(plan.poolId, plan)
    const storage = await this.#deps.pools.open(plan.poolId)
    const name = await this.#names.next(plan.poolId)
    let [isSaved, replaced] = [former !== undefined, former]
    const discardFormer = async (): Promise<void> => {
      const useless = replaced
      replaced = undefined
      // What cannot be removed now is by the next claim, or the sweep.
      if (useless) await this.#discard([useless]).catch(() => {})
    }
    return {
      storage,
      name,
      judge,
      givenUp: this.#givenUp,
      onSaved: async ({ sizeBytes, state }, note) => {
        const { taskId, epoch } = this.#run
        const checkpoint = { slot: plan.slot, sizeBytes, state, note }
        if (!(await saveOutput(this.#deps.sql, { taskId, epoch }, name.id, checkpoint))) throw new StopReason('lost')
        isSaved = true
        await discardFormer()
      },
      onFinished: async (made) => {
        const { slot, poolId } = plan
        const output = await this.#add({ id: name.id, slot, poolId, ...made }, isSaved)
        await discardFormer()
        return output
      },
    }
  }

  /** What was worth saving is noted at once. */
  async #add(output: FinishedOutput, isUrgent: boolean): Promise<FinishedOutput> {
    this.#finished.set(output.slot, output)
    this.#unnoted.push(output)
    const isDue = this.#unnoted.length >= noteEveryCount || performance.now() - this.#notedAtMs >= noteEveryMs
    if (isDue || isUrgent) await this.flush()
    return output
  }

  async #discard(rows: readonly Begun[]): Promise<void> {
    for (const { id, epoch, poolId } of rows) {
      const storage = await this.#deps.pools.open(poolId)
      await storage.discardObject({ id, epoch })
    }
    if (rows.length > 0) {
      await markDiscarded(
        this.#deps.sql,
        rows.map(({ id }) => id),
      )
    }
  }
}
