import type { Client, Tally } from './client.ts'
import type { Random } from './random.ts'
import type { Stack } from './stack.ts'

/** What every part of a run is given. */
export type Scene = {
  stack: Stack
  tally: Tally
  /** A client with an account of its own. */
  newClient: () => Promise<Client>
  random: Random
  /** Fires when the run must end. */
  signal: AbortSignal
  /** Tells whoever watches how far it is. */
  say: (line: string) => void
}

/** What one promise came to. */
export type Finding = {
  promise: string
  target: string
  measured: string
  /** Undefined: it was measured, and is not judged. */
  held: boolean | undefined
}
