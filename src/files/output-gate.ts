import type { PoolPolicy } from '../contract/pool.ts'
import type { Sql } from '../db/connect.ts'
import { AppError } from '../errors.ts'
import { Permanent } from '../tasks/define-job.ts'
import { headBytes } from './accept-bytes.ts'
import { HeadKeeper } from './head.ts'
import { asksForBytes, type PoolUser, requireBytes, requireContent, requirePool, requireSize } from './pool-policy.ts'

/** What an output is to be, as far as its pool asks. `encrypts`: it is an age file of this, and judged by it. */
export type OutputContent = {
  contentType: string
  sizeBytes?: number
  encrypts?: { contentType: string; sizeBytes: number }
}

/** Everything that a run writes into pools passes here: who it is for, and what it is, by name and by bytes. */
export class OutputGate {
  readonly #sql: Sql
  readonly #user: PoolUser
  readonly #policies = new Map<string, Promise<PoolPolicy>>()

  constructor(sql: Sql, user: PoolUser) {
    this.#sql = sql
    this.#user = user
  }

  /**
   * Throws AppError POOL_NOT_FOUND and POOL_DISABLED, which hold for everything that the run would write there; and Permanent
   * with the codes of `requireContent` for this one.
   */
  async admit(poolId: string, content: OutputContent): Promise<OutputJudge> {
    const known = this.#policies.get(poolId) ?? this.ask(poolId)
    this.#policies.set(poolId, known)
    known.catch(() => this.#policies.delete(poolId))
    const judge = new OutputJudge(await known, content)
    judge.requireClaim()
    return judge
  }

  /** Asks the ledger whether a pool is open to this run, whatever was known before. Throws as above. */
  ask(poolId: string): Promise<PoolPolicy> {
    return requirePool(this.#sql, poolId, this.#user, { lock: false })
  }
}

/** Judges one output while it is written. What it throws is Permanent: of the same bytes no other run would make more. */
export class OutputJudge {
  readonly #policy: PoolPolicy
  readonly #content: { contentType: string; sizeBytes: number | undefined; isEncrypted: boolean }
  readonly #head: HeadKeeper | undefined

  constructor(policy: PoolPolicy, { encrypts, contentType, sizeBytes }: OutputContent) {
    this.#policy = policy
    this.#content = encrypts ? { ...encrypts, isEncrypted: true } : { contentType, sizeBytes, isEncrypted: false }
    // The bytes of an age file that is made here say nothing of what is in it, which was judged where it came in.
    this.#head = !encrypts && asksForBytes(policy) ? new HeadKeeper() : undefined
  }

  get asksForBytes(): boolean {
    return this.#head !== undefined
  }

  requireClaim(): void {
    permanent(() => requireContent(this.#policy, this.#content))
  }

  /** Looks at the next piece before it is written; `sizeBytes` is what there will be with it. */
  async take(piece: Buffer, sizeBytes: number): Promise<void> {
    if (!this.#content.isEncrypted) permanent(() => requireSize(this.#policy, sizeBytes))
    const head = this.#head
    if (!head || head.isFull) return
    head.take(piece)
    if (head.isFull) await this.judge(head.head())
  }

  /** Bytes that are there already. */
  remember(piece: Buffer): void {
    this.#head?.take(piece)
  }

  /** Looks at what it has seen, unless that was enough before. */
  async finish(): Promise<void> {
    const head = this.#head?.head()
    if (head && head.length < headBytes) await this.judge(head)
  }

  async judge(head: Buffer): Promise<void> {
    await requireBytes(this.#policy, this.#content, head).catch(refuse)
  }
}

function permanent(check: () => void): void {
  try {
    check()
  } catch (error) {
    refuse(error)
  }
}

function refuse(error: unknown): never {
  if (!(error instanceof AppError) || error.status >= 500) throw error
  throw new Permanent(error.code, error.message, { cause: error })
}
