import { signToken } from '../../../src/auth/token.ts'
import type { Random } from '../random.ts'
import type { Server } from '../servers.ts'
import { pause } from '../wait.ts'
import { bySocketIo, bySubscribing, byWebSocket, type Door } from './doors.ts'
import { Journal } from './journal.ts'
import { stay } from './stay.ts'

export type WatcherOptions = {
  name: string
  account: string
  room: string
  apis: readonly Server[]
  secret: string
  random: Random
  /** Fires when the run ends, done or not. */
  signal: AbortSignal
}

const doors: readonly [Door, ...Door[]] = [bySocketIo, bySubscribing, byWebSocket]
const tokenSeconds = 3600
/** Some tokens end in the middle of a visit. */
const shortTokenSeconds = 2

/** A client that comes to a process by a door, both at random, goes again without a word, and comes back from where it was. */
export class Watcher {
  readonly journal = new Journal()
  readonly #options: WatcherOptions
  visits = 0

  constructor(options: WatcherOptions) {
    this.#options = options
  }

  get name(): string {
    return this.#options.name
  }

  get room(): string {
    return this.#options.room
  }

  /** Comes and goes until `over`. */
  async comeAndGo(over: AbortSignal): Promise<void> {
    const { random, signal } = this.#options
    while (!over.aborted) {
      // Most go soon: it is while a client comes and goes that something can be lost.
      await this.#visit(random.next() < 0.7 ? random.whole(20, 400) : random.whole(400, 4000))
      // Some are back at once, and some have been away for long.
      await pause(random.next() < 0.5 ? 0 : random.whole(20, 2500), signal)
    }
  }

  /** Comes until it is told that it has all, and stays a while longer. */
  async catchUp(isDone: () => boolean, withinMs: number): Promise<void> {
    const end = performance.now() + withinMs
    while (!isDone() && performance.now() < end) await this.#visit(1000)
    await this.#visit(1500)
  }

  /** Comes until it was told where it is. */
  async begin(): Promise<void> {
    while (this.journal.after === undefined) await this.#visit(500)
  }

  async #visit(stayMs: number): Promise<void> {
    const { account, apis, random, room, secret, signal } = this.#options
    signal.throwIfAborted()
    const url = random.shuffle(apis)[0]?.url() ?? ''
    // It is dead at the moment.
    if (url === '') return pause(100, signal)
    const expiresInSeconds = random.next() < 0.1 ? shortTokenSeconds : tokenSeconds
    const token = await signToken(secret, { account, admin: false, expiresInSeconds })
    this.visits += 1
    const door = random.pick(doors)
    await stay(stayMs, signal, (leave) => door({ url, token, room, journal: this.journal, leave }))
  }
}
