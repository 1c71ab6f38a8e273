import type { Client, Live, LiveEvent, LiveSnapshot, RoomState } from '../client/browser.ts'

export type LiveListener = { onEvent?: (event: LiveEvent) => void; onSnapshot?: (snapshot: LiveSnapshot) => void }

/** What happens, told to whatever is on the page. Rooms beside the account's own are entered while somebody wants them. */
export class LiveFeed {
  readonly #client: Client
  readonly #listeners = new Set<LiveListener>()
  readonly #watchers = new Set<() => void>()
  readonly #wanted = new Map<string, number>()
  #live: Live | undefined
  #state: RoomState = 'connecting'

  constructor(client: Client) {
    this.#client = client
  }

  get state(): RoomState {
    return this.#state
  }

  open(): void {
    this.#live ??= this.#client.live({
      onEvent: (event) => this.#tell((listener) => listener.onEvent?.(event)),
      onSnapshot: (snapshot) => this.#tell((listener) => listener.onSnapshot?.(snapshot)),
      onState: (room, state) => {
        if (room === 'account') this.#show(state)
      },
      onError: (room) => {
        if (room === 'account') this.#show('closed')
      },
    })
    for (const room of this.#wanted.keys()) this.#live.enter(room)
  }

  close(): void {
    this.#live?.close()
    this.#live = undefined
  }

  listen(listener: LiveListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Enters a room until what is answered is called. */
  enter(room: string): () => void {
    this.#wanted.set(room, (this.#wanted.get(room) ?? 0) + 1)
    this.#live?.enter(room)
    return () => {
      const left = (this.#wanted.get(room) ?? 1) - 1
      if (left > 0) return void this.#wanted.set(room, left)
      this.#wanted.delete(room)
      this.#live?.leave(room)
    }
  }

  watchState(changed: () => void): () => void {
    this.#watchers.add(changed)
    return () => this.#watchers.delete(changed)
  }

  #tell(what: (listener: LiveListener) => void): void {
    for (const listener of this.#listeners) what(listener)
  }

  #show(state: RoomState): void {
    this.#state = state
    for (const changed of this.#watchers) changed()
  }
}
