import { type FileRow } from '../db/files.ts'
import { listFilesOf, listPoolObjects, type PoolFilter } from '../db/pool-files.ts'
import { type JobContext, Permanent } from '../tasks/define-job.ts'
import { keepFinished } from './keep-finished.ts'
import { type OutputDeps, TaskOutputs } from './outputs.ts'
import { copyPlan, copySource } from './sources.ts'
import { createThrottle } from './throttle.ts'

export type Migrated = {
  filesProcessed: number
  objectsCopied: number
  bytesCopied: number
  filesFailed: number
  /** The first of what could not be moved. */
  failures: { fileId: string; code: string; message: string }[]
}

export type MigrationCheckpoint = {
  /** Everything up to this object was looked at in this pass. */
  cursor: string | null
  /** Something was moved in this pass, so there has to be another one. */
  hasMoved: boolean
  done: Migrated
}

export type MigrationPlan = {
  scope: PoolFilter
  targetPoolId: string
  concurrency: number
  bytesPerSecond?: number | undefined
  /** For the progress only. */
  totalBytes: number
}

type Context = Pick<
  JobContext<MigrationCheckpoint>,
  | 'taskId'
  | 'accountId'
  | 'permissions'
  | 'epoch'
  | 'signal'
  | 'progress'
  | 'checkpoint'
  | 'saveCheckpoint'
  | 'underClaim'
  | 'sql'
>

const pageObjects = 256
const switchObjects = 64
const mostFailures = 100

/**
 * Goes over a pool's objects in the order of their ids, again and again until a pass finds nothing to move: what comes
 * while it runs may have any id. A page that was interrupted is looked at again; what was moved is not there any more,
 * and what was copied is not copied again.
 */
export async function migratePool(deps: OutputDeps, plan: MigrationPlan, context: Context): Promise<Migrated> {
  return new PoolMigration(deps, plan, context, await TaskOutputs.open(deps, context)).run()
}

class PoolMigration {
  readonly #deps: OutputDeps
  readonly #plan: MigrationPlan
  readonly #context: Context
  readonly #outputs: TaskOutputs
  readonly #throttle: (countBytes: number) => Promise<void>
  readonly #state: MigrationCheckpoint
  readonly #failed = new Set<string>()
  #copied: FileRow[] = []
  #switching = Promise.resolve()
  /** What is copied, or being copied, and that no file refers to yet. */
  #aheadBytes = 0

  constructor(deps: OutputDeps, plan: MigrationPlan, context: Context, outputs: TaskOutputs) {
    this.#deps = deps
    this.#plan = plan
    this.#context = context
    this.#outputs = outputs
    this.#throttle = createThrottle(plan.bytesPerSecond, context.signal)
    this.#state = context.checkpoint ?? {
      cursor: null,
      hasMoved: false,
      done: { filesProcessed: 0, objectsCopied: 0, bytesCopied: 0, filesFailed: 0, failures: [] },
    }
  }

  async run(): Promise<Migrated> {
    const state = this.#state
    for (;;) {
      const page = await listPoolObjects(this.#context.sql, this.#plan.scope, {
        cursor: state.cursor,
        limit: pageObjects,
      })
      const last = page.at(-1)
      if (last) {
        await this.#copyPage(page)
        state.cursor = last.objectId
        await this.#switch({ least: 0 })
      } else if (state.hasMoved) {
        Object.assign(state, { cursor: null, hasMoved: false })
      } else {
        return state.done
      }
    }
  }

  async #copyPage(page: readonly FileRow[]): Promise<void> {
    const waiting = [...page]
    const copyNext = async (): Promise<void> => {
      for (let file = waiting.shift(); file; file = waiting.shift()) {
        this.#context.signal.throwIfAborted()
        await this.#copy(file)
        await this.#switch({ least: switchObjects })
      }
    }
    await keepFinished(this.#outputs, async () => {
      const workers = await Promise.allSettled(Array.from({ length: this.#plan.concurrency }, copyNext))
      const broken = workers.find((one) => one.status === 'rejected')
      if (broken) throw broken.reason
    })
  }

  async #copy(file: FileRow): Promise<void> {
    if (this.#failed.has(file.objectId)) return
    try {
      if (this.#outputs.finished(file.objectId)) this.#aheadBytes += file.sizeBytes
      else await this.#copyBytes(file)
      this.#copied.push(file)
    } catch (error) {
      if (!(error instanceof Permanent)) throw error
      this.#failed.add(file.objectId)
      const { done } = this.#state
      done.filesFailed++
      const { code, message } = error
      if (done.failures.length < mostFailures) done.failures.push({ fileId: file.id, code, message })
    }
  }

  async #copyBytes(file: FileRow): Promise<void> {
    const plan = copyPlan(file, this.#plan.targetPoolId)
    let countedBytes = 0
    const onBytes = (countBytes: number): void => {
      countedBytes += countBytes
      this.#aheadBytes += countBytes
      this.#tell()
    }
    const how = { signal: this.#context.signal, onBytes, throttle: this.#throttle }
    try {
      await copySource(this.#deps, this.#outputs, { plan, file }, how)
    } catch (error) {
      this.#aheadBytes -= countedBytes
      throw error
    }
  }

  /** Changes over, unless fewer than `least` objects wait for it. One after the other: each counts on from what is there. */
  async #switch({ least }: { least: number }): Promise<void> {
    if (this.#copied.length < least) return
    // Who waited may find that it was done for all of them.
    const switching = this.#switching.then(() => (this.#copied.length < least ? undefined : this.#switchCopied()))
    this.#switching = switching
    await switching
  }

  /** Has the files of what was copied refer to the copies, and notes how far that is, in one transaction. */
  async #switchCopied(): Promise<void> {
    const copied = this.#copied
    this.#copied = []
    const state = this.#state
    const objectIds = copied.map((file) => file.objectId)
    const before = structuredClone(state.done)
    const sizeBytes = copied.reduce((sum, file) => sum + file.sizeBytes, 0)
    let notSwitchedBytes = sizeBytes
    await this.#context.underClaim(async (query) => {
      const { scope } = this.#plan
      const fileIds = await listFilesOf(query, objectIds, scope)
      const switches = objectIds.map((objectId) => ({ slot: objectId, fromObjectId: objectId }))
      const how = { ofEverybody: scope.accountId === undefined }
      const moved = copied.length === 0 ? [] : await this.#outputs.switch(query, switches, fileIds, how)
      Object.assign(state.done, {
        filesProcessed: before.filesProcessed + moved.length,
        objectsCopied: before.objectsCopied + copied.length,
        bytesCopied: before.bytesCopied + sizeBytes,
      })
      // At once with it, since others copy meanwhile and tell the sum of both.
      this.#aheadBytes -= notSwitchedBytes
      notSwitchedBytes = 0
      state.hasMoved ||= moved.length > 0
      await this.#context.saveCheckpoint(state, query)
    })
    this.#tell()
  }

  #tell(): void {
    const { totalBytes } = this.#plan
    const bytes = this.#state.done.bytesCopied + this.#aheadBytes
    this.#context.progress(totalBytes === 0 ? 0 : Math.min(99, (100 * bytes) / totalBytes))
  }
}
