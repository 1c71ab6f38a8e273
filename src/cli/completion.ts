import { type Command, type Flags } from './command.ts'
import { UsageError } from './exit.ts'
import { commonFlags, requireWords } from './parse.ts'

const shells = ['bash', 'zsh']

/** The command that prints what a shell needs to complete the others. */
export function completionOf(commands: () => readonly Command[]): Command {
  return {
    name: 'completion',
    summary: 'Print what bash or zsh need to complete commands.',
    usage: shells.join(' | '),
    flags: {},
    examples: ['source <(longshore completion bash)', 'source <(longshore completion zsh)'],
    words: shells,
    run: async ({ terminal }, given) => {
      requireWords(given, { least: 1, most: 1 }, 'the shell, bash or zsh,')
      const [shell] = given.positionals
      if (shell !== 'bash' && shell !== 'zsh') throw new UsageError('there are completions for bash and zsh')
      const prelude =
        shell === 'zsh' ? 'autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n' : ''
      terminal.print(prelude + script(commands()))
      return undefined
    },
  }
}

/** bash's own way, which zsh knows by bashcompinit. Where no word fits, shells complete names of files by themselves. */
function script(commands: readonly Command[]): string {
  const cases = commands.map(({ name, flags, words = [] }) => {
    const offered = [...words, ...flagNames({ ...flags, ...commonFlags })].join(' ')
    return `    ${name}) words='${offered}' ;;`
  })
  const values = commands.flatMap(({ name, flags }) =>
    Object.entries(flags).flatMap(([flag, { choices = [] }]) =>
      choices.length === 0 ? [] : [`    '${name} --${flag}') words='${choices.join(' ')}' ;;`],
    ),
  )
  return `_longshore() {
  local current="\${COMP_WORDS[COMP_CWORD]}" command="\${COMP_WORDS[1]}" words=''
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W '${commands.map(({ name }) => name).join(' ')}' -- "$current"))
    return
  fi
  case "$command" in
${cases.join('\n')}
  esac
  case "$command \${COMP_WORDS[COMP_CWORD-1]}" in
${values.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _longshore longshore`
}

function flagNames(flags: Flags): string[] {
  return Object.keys(flags).map((name) => `--${name}`)
}
