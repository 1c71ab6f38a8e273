import type { Command, Flags } from './command.ts'
import { commonFlags } from './parse.ts'

const widthCharacters = 90

/** What there is. */
export function helpOnAll(commands: readonly Command[]): string {
  const longest = Math.max(...commands.map(({ name }) => name.length))
  return [
    'longshore COMMAND …: files and tasks of a Longshore server.',
    '',
    ...commands.map(({ name, summary }) => `  ${name.padEnd(longest)}  ${summary}`),
    '',
    '"longshore COMMAND --help" says more, with examples. LONGSHORE_URL and LONGSHORE_TOKEN go before what "longshore login"',
    'has kept. Exit codes: 0 done, 1 failed, 2 wrong use, 3 not allowed, 4 not there, 5 out of reach, 130 interrupted.',
  ].join('\n')
}

export function helpOn({ name, usage, summary, details, flags, examples }: Command, moreFlags: Flags): string {
  return [
    `longshore ${name} ${usage}`.trimEnd(),
    '',
    ...wrapped(summary),
    ...(details === undefined ? [] : ['', ...wrapped(details)]),
    ...(Object.keys(moreFlags).length === 0 ? [] : ['', 'Parameters', ...linesOf(moreFlags)]),
    '',
    'Options',
    ...linesOf({ ...flags, ...commonFlags }),
    '',
    'Examples',
    ...examples.map((example) => `  ${example}`),
  ].join('\n')
}

function linesOf(flags: Flags): string[] {
  const heads = Object.entries(flags)
    .filter(([name]) => !(name.startsWith('no-') && name.slice(3) in flags))
    .map(([name, { short, value, help }]): [string, string] => [
      `  ${short === undefined ? '' : `-${short}, `}--${name}${value === undefined ? '' : ` ${value}`}`,
      help,
    ])
  const longest = Math.min(36, Math.max(...heads.map(([head]) => head.length)))
  return heads.map(([head, help]) => `${head.padEnd(longest)}  ${help}`.trimEnd())
}

function wrapped(text: string): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line.length + word.length >= widthCharacters) {
      lines.push(line)
      line = ''
    }
    line += line === '' ? word : ` ${word}`
  }
  return [...lines, line]
}
