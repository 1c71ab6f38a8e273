import { readFile } from 'node:fs/promises'
import { UsageError } from './exit.ts'

/** A value as it was given; `@FILE` is what the file says, without its last end of line. Throws UsageError. */
export async function secretIn(value: string | undefined): Promise<string | undefined> {
  if (value === undefined || !value.startsWith('@')) return value
  const text = await readFile(value.slice(1), 'utf8').catch(() => {
    throw new UsageError(`${value.slice(1)} cannot be read`)
  })
  return text.replace(/\r?\n$/, '')
}
