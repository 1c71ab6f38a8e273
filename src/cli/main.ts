#!/usr/bin/env node
import { LongshoreError } from '../client/node.ts'
import type { Command, Context, Flags, Given } from './command.ts'
import { commands } from './commands.ts'
import { exitCodeOf, exitCodes, Interrupted, UsageError } from './exit.ts'
import { helpOn, helpOnAll } from './help.ts'
import { parseGiven } from './parse.ts'
import { signedInClient } from './sign-in.ts'
import { openTerminal } from './terminal.ts'

process.exitCode = await main(process.argv.slice(2))

async function main([name, ...args]: string[]): Promise<number> {
  const interrupted = new AbortController()
  process.on('SIGINT', () => {
    // Whoever asks a second time does not want to wait.
    if (interrupted.signal.aborted) process.exit(exitCodes.interrupted)
    interrupted.abort(new Interrupted('It was interrupted.'))
  })
  // Whoever reads the output has seen enough.
  process.stdout.on('error', () => process.exit(exitCodes.done))
  const command = commands.find((one) => one.name === name)
  if (command !== undefined) return perform(command, args, interrupted.signal)
  const asksForHelp = name === undefined || name === 'help' || name === '--help' || name === '-h'
  process[asksForHelp ? 'stdout' : 'stderr'].write(
    asksForHelp
      ? `${helpOnAll(commands)}\n`
      : `longshore: there is no command "${name}"; "longshore --help" lists them\n`,
  )
  return asksForHelp && name !== undefined ? exitCodes.done : exitCodes.usage
}

async function perform(command: Command, args: string[], signal: AbortSignal): Promise<number> {
  const json = args.includes('--json')
  const isSilent = json || args.includes('--quiet') || args.includes('-q')
  const terminal = openTerminal(process, { isSilent })
  let given: Given | undefined
  const context: Context = {
    terminal,
    env: process.env,
    stdin: process.stdin,
    signal,
    json,
    client: () => signedInClient(process.env, urlIn(args)),
  }
  try {
    const moreFlags = await moreFlagsOf(command, context, args)
    given = parseGiven(args, { ...moreFlags, ...command.flags })
    if (given.flags['help'] === true) {
      terminal.print(helpOn(command, moreFlags))
      return exitCodes.done
    }
    return (await command.run(context, given)) ?? exitCodes.done
  } catch (error) {
    if (signal.aborted) return exitCodes.interrupted
    if (json && error instanceof LongshoreError) {
      const { code, message, status, details } = error
      terminal.print(JSON.stringify({ error: { code, message, status, details } }))
    }
    terminal.problem(sentenceOf(error))
    if (error instanceof UsageError) terminal.problem(`"longshore ${command.name} --help" says more`)
    return exitCodeOf(error)
  }
}

/** Flags that the server decides on are asked for before the line can be read whole. */
async function moreFlagsOf(command: Command, context: Context, args: readonly string[]): Promise<Flags> {
  if (command.moreFlags === undefined) return {}
  const [first] = args
  return command.moreFlags(context, first === undefined || first.startsWith('-') ? [] : [first])
}

function urlIn(args: readonly string[]): string | undefined {
  const at = args.findIndex((arg) => arg === '--url' || arg.startsWith('--url='))
  if (at === -1) return undefined
  return args[at]?.startsWith('--url=') ? args[at].slice('--url='.length) : args[at + 1]
}

function sentenceOf(error: unknown): string {
  if (error instanceof LongshoreError) {
    const field = error.field === undefined ? '' : ` (${error.field}${reasonIn(error)})`
    return `${error.message}${field} [${error.code}]`
  }
  return error instanceof Error ? error.message : String(error)
}

/** What is wrong with the first field. */
function reasonIn({ details }: LongshoreError): string {
  const [first]: unknown[] = Array.isArray(details['errors']) ? (details['errors'] as unknown[]) : []
  if (typeof first !== 'object' || first === null || !('message' in first)) return ''
  return typeof first.message === 'string' ? ` ${first.message}` : ''
}
