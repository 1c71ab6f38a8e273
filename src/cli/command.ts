import type { Client } from '../client/node.ts'
import type { Terminal } from './terminal.ts'

export type Flag = {
  type: 'string' | 'boolean'
  /** May be given several times. */
  multiple?: boolean
  short?: string
  /** What its value is called in the help: `ID`, `FILE`. */
  value?: string
  help: string
  /** The values there are, for the help and for completion. */
  choices?: readonly string[]
}
export type Flags = Record<string, Flag>

export type Given = { positionals: string[]; flags: Record<string, string | boolean | string[] | undefined> }

export type Context = {
  terminal: Terminal
  env: Record<string, string | undefined>
  stdin: NodeJS.ReadStream
  /** Fires with Ctrl-C, and has Interrupted as its reason. */
  signal: AbortSignal
  /** Results as JSON on stdout, and nothing but problems on stderr. */
  json: boolean
  /** A client of the server that the user has signed in to. Throws UsageError when there is none. */
  client: () => Promise<Client>
}

export type Command = {
  name: string
  summary: string
  /** What follows the name. */
  usage: string
  details?: string
  flags: Flags
  examples: readonly string[]
  /** The words that may follow, for completion. */
  words?: readonly string[]
  /** Flags that depend on what was given: those of a task's type. */
  moreFlags?: (context: Context, positionals: readonly string[]) => Promise<Flags>
  /** Answers its exit code, 0 when it is left out. */
  run: (context: Context, given: Given) => Promise<number | undefined>
}

/** The value of a flag that takes one. */
export function textOf({ flags }: Given, name: string): string | undefined {
  const value = flags[name]
  return typeof value === 'string' ? value : undefined
}

export function textsOf({ flags }: Given, name: string): string[] {
  const value = flags[name]
  return Array.isArray(value) ? value : []
}
