import { parseArgs } from 'node:util'
import type { Flags, Given } from './command.ts'
import { UsageError } from './exit.ts'

/** What every command takes. */
export const commonFlags: Flags = {
  json: { type: 'boolean', help: 'Print the result as JSON.' },
  quiet: { type: 'boolean', short: 'q', help: 'Say nothing but problems.' },
  url: { type: 'string', value: 'URL', help: 'The server, in place of the one signed in to.' },
  help: { type: 'boolean', short: 'h', help: 'Show this.' },
}

/** Reads a command's arguments. Throws UsageError. */
export function parseGiven(args: string[], flags: Flags): Given {
  const options = Object.fromEntries(
    Object.entries({ ...flags, ...commonFlags }).map(([name, { type, short, multiple }]) => [
      name,
      { type, ...(short === undefined ? {} : { short }), ...(multiple === undefined ? {} : { multiple }) },
    ]),
  )
  try {
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true, strict: true })
    return {
      positionals,
      flags: Object.fromEntries(Object.entries(values).map(([name, value]) => [name, plain(value)])),
    }
  } catch (error) {
    // Its further sentences tell of "--", which is for those who look for it.
    throw new UsageError(error instanceof Error ? (error.message.split('. ')[0] ?? '') : String(error))
  }
}

function plain(value: unknown): Given['flags'][string] {
  if (Array.isArray(value)) return value.map(String)
  return typeof value === 'string' || typeof value === 'boolean' ? value : undefined
}

/** Throws UsageError unless so many words were given. */
export function requireWords(
  { positionals }: Given,
  { least = 0, most = Number.POSITIVE_INFINITY },
  what: string,
): void {
  if (positionals.length < least) throw new UsageError(`${what} is missing`)
  if (positionals.length > most) throw new UsageError(`"${positionals[most]}" is too much`)
}

/** A whole number from 1 up, or undefined. Throws UsageError. */
export function countOf(text: string | undefined, flag: string): number | undefined {
  if (text === undefined) return undefined
  const count = Number(text)
  if (Number.isSafeInteger(count) && count > 0) return count
  throw new UsageError(`--${flag} must be a whole number from 1 up, and not "${text}"`)
}

const unitSeconds: Record<string, number> = { m: 60, h: 3600, d: 86_400, w: 604_800 }

/** A moment: a date, or how long from now (`90m`, `12h`, `30d`, `4w`). Throws UsageError. */
export function momentOf(text: string | undefined, flag: string): Date | undefined {
  if (text === undefined) return undefined
  const [, amount, unit] = /^(\d+)([mhdw])$/.exec(text) ?? []
  if (unit !== undefined) return new Date(Date.now() + Number(amount) * (unitSeconds[unit] ?? 0) * 1000)
  const at = new Date(text)
  if (!Number.isNaN(at.getTime())) return at
  throw new UsageError(`--${flag} must be a date, or a time from now such as 12h or 30d, and not "${text}"`)
}

const sizeUnits: Record<string, number> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 }

/** A size in bytes, also as `16M` or `512K`. Throws UsageError. */
export function sizeOf(text: string | undefined, flag: string): number | undefined {
  if (text === undefined) return undefined
  const [, amount, unit = ''] = /^(\d+)([kmg]?)(?:i?b)?$/i.exec(text) ?? []
  const factor = sizeUnits[unit.toLowerCase()]
  if (amount !== undefined && factor !== undefined) return Number(amount) * factor
  throw new UsageError(`--${flag} must be a size such as 16M, and not "${text}"`)
}
