import { randomUUID } from 'node:crypto'
import type { Claim } from '../db/claims.ts'
import type { Sql } from '../db/connect.ts'
import { reserveOutputs } from '../db/outputs.ts'
import type { ObjectName } from '../storage/contract.ts'
import { StopReason } from '../tasks/define-job.ts'
import type { OutputGate } from './output-gate.ts'

const mostReserved = 256

/** Names for what a run writes, which the ledger knows before the first byte is written. */
export class OutputNames {
  readonly #sql: Sql
  readonly #claim: Claim
  readonly #gate: OutputGate | undefined
  readonly #free = new Map<string, Promise<string[]>>()
  #reservedCount = 0

  /** Without a gate, pools that are disabled are written into as well. */
  constructor(sql: Sql, { taskId, epoch }: Claim, gate: OutputGate | undefined) {
    this.#sql = sql
    this.#claim = { taskId, epoch }
    this.#gate = gate
  }

  /** Throws StopReason when the claim is lost, and what the gate says when the pool takes nothing new. */
  async next(poolId: string): Promise<ObjectName> {
    for (;;) {
      const free = this.#free.get(poolId) ?? this.#reserve(poolId)
      const id = (await free).pop()
      if (id !== undefined) return { id, epoch: this.#claim.epoch }
      // Somebody else took the last one; whoever comes first asks for more.
      if (this.#free.get(poolId) === free) this.#free.delete(poolId)
    }
  }

  /** Takes a name back that nothing was written under. */
  async giveBack(poolId: string, { id }: ObjectName): Promise<void> {
    const free = await this.#free.get(poolId)?.catch(() => undefined)
    free?.push(id)
  }

  #reserve(poolId: string): Promise<string[]> {
    // A job with one output reserves one; one with thousands asks seldom.
    const count = Math.min(mostReserved, Math.max(1, this.#reservedCount))
    this.#reservedCount += count
    const ids = Array.from({ length: count }, () => randomUUID())
    const wanted = { poolId, ids, alsoDisabled: this.#gate === undefined }
    const reserving = reserveOutputs(this.#sql, this.#claim, wanted).then(async (isKept) => {
      if (isKept) return ids
      await this.#gate?.ask(poolId)
      throw new StopReason('lost')
    })
    this.#free.set(poolId, reserving)
    reserving.catch(() => this.#free.delete(poolId))
    return reserving
  }
}
