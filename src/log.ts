import { type DestinationStream, type Logger, pino } from 'pino'

export type Log = Logger

const levels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
export type Level = (typeof levels)[number]

/** A level for everything, and levels for single scopes (`uploads`, `http`, …). */
export type LogLevels = { base: Level; scopes: Record<string, Level> }

const aliases: Record<string, Level> = {
  critical: 'fatal',
  warning: 'warn',
  information: 'info',
  verbose: 'debug',
  none: 'silent',
}

/**
 * Reads `LOG_LEVEL`: a comma-separated list of `level` or `scope:level` (`info,uploads:debug`). A dotted scope counts by
 * its last segment, so a category such as `Some.Product.Storage:Debug` sets the scope `storage`.
 * Answers undefined when a part is not understood.
 */
export function parseLogLevels(text: string): LogLevels | undefined {
  const parsed: LogLevels = { base: 'info', scopes: {} }
  for (const part of text.split(',')) {
    const [first = '', second] = part.trim().split(':')
    const level = toLevel(second ?? first)
    if (level === undefined) return undefined
    if (second === undefined) {
      parsed.base = level
      continue
    }
    const scope = first.toLowerCase().split('.').at(-1) ?? ''
    if (!/^[a-z][a-z0-9-]*$/.test(scope)) return undefined
    parsed.scopes[scope] = level
  }
  return parsed
}

function toLevel(word: string): Level | undefined {
  const name = word.toLowerCase()
  return levels.find((level) => level === name) ?? aliases[name]
}

const secretNames = ['authorization', 'token', 'password', 'encryptPassword']
/** The Redis driver puts the command that failed on its error, with what was in it: for AUTH, the password. */
const commandArguments = ['err.command.args', 'err.*.command.args']

/** Opens a process's log: one JSON line per entry on stdout, with secrets cut out wherever they turn up. */
export function openLog(process: string, { base, scopes }: LogLevels, destination?: DestinationStream): RootLog {
  const root = pino(
    {
      level: base,
      base: { process },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: [...secretNames.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]), ...commandArguments],
      serializers: { err: pino.stdSerializers.errWithCause },
    },
    destination ?? pino.destination({ dest: 1, sync: false }),
  )
  return { root, scope: (name) => root.child({ scope: name }, { level: scopes[name] ?? base }) }
}

export type RootLog = {
  root: Log
  /** The log of one room; its level is the scope's own where `LOG_LEVEL` names one. */
  scope: (name: string) => Log
}
