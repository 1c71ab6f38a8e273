import { LaunchError } from './launch-error.ts'

export type ProcfileEntry = {
  name: string
  command: string
  args: string[]
  /** Variables set in front of the command. */
  env: Record<string, string>
}

/**
 * Reads a Procfile: `name: command` a line, the command being plain words with variables before it (`A=1 node x.js`).
 * No shell is involved: quotes and `$` mean nothing. Blank lines and lines that begin with # are left out.
 */
export function parseProcfile(text: string): ProcfileEntry[] {
  const lines = text.split('\n').map((line) => line.trim())
  const entries = lines.filter((line) => line !== '' && !line.startsWith('#')).map(parseLine)
  const twice = entries.find(({ name }, index) => entries.findIndex((entry) => entry.name === name) !== index)
  if (twice) throw new LaunchError(`Procfile: there are two processes named "${twice.name}". Give one another name.`)
  if (entries.length === 0) throw new LaunchError('Procfile: it names no process. Put back its lines.')
  return entries
}

function parseLine(line: string): ProcfileEntry {
  const [, name, rest = ''] = /^([A-Za-z0-9_-]+):\s*(.*)$/.exec(line) ?? []
  const words = rest.split(/\s+/)
  const env: Record<string, string> = {}
  let assignment = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/.exec(words[0] ?? '')
  while (assignment) {
    env[assignment[1] ?? ''] = assignment[2] ?? ''
    words.shift()
    assignment = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/.exec(words[0] ?? '')
  }
  const [command, ...args] = words
  if (name === undefined || command === undefined || command === '') {
    throw new LaunchError(`Procfile: cannot read the line "${line}". It must be "name: command".`)
  }
  return { name, command, args, env }
}
