import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { stripVTControlCharacters } from 'node:util'

/** A program at a terminal of its own, and somebody who types there. */
export type Terminal = {
  /** Types, whoever reads it then. */
  type: (keys: string) => void
  /** Waits until the screen has shown this since it was last waited for, and answers what it showed up to there. */
  shows: (text: string | RegExp) => Promise<string>
  /** All that was shown, without what only moves or colours it. */
  shown: () => string
  /** Waits for the program's end, and answers its exit code. */
  ended: () => Promise<number | null>
  close: () => Promise<void>
}

const patienceMs = 20_000

/** Starts a command of the shell at a terminal. */
export function openTerminal(command: string, options: { cwd: string; env: Record<string, string> }): Terminal {
  const child = spawn('script', ['-qec', command, '/dev/null'], options)
  const end = once(child, 'close')
  let raw = ''
  let from = 0
  child.stdin.on('error', () => {})
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    raw += piece
  })
  const shown = (): string => stripVTControlCharacters(raw)
  const findAfter = (text: string | RegExp): number | undefined => {
    const rest = shown().slice(from)
    const at = typeof text === 'string' ? rest.indexOf(text) : (text.exec(rest)?.index ?? -1)
    const length = typeof text === 'string' ? text.length : (text.exec(rest)?.[0].length ?? 0)
    return at === -1 ? undefined : from + at + length
  }
  return {
    type: (keys) => void child.stdin.write(keys),
    shows: async (text) => {
      const expired = AbortSignal.timeout(patienceMs)
      for (let until = findAfter(text); ; until = findAfter(text)) {
        if (until !== undefined) {
          const seen = shown().slice(from, until)
          from = until
          return seen
        }
        try {
          await once(child.stdout, 'data', { signal: expired })
        } catch (cause) {
          throw new Error(`the terminal never showed ${String(text)}, but: ${JSON.stringify(shown().slice(from))}`, {
            cause,
          })
        }
      }
    },
    shown,
    ended: async () => {
      const [code] = await end
      return typeof code === 'number' ? code : null
    },
    close: async () => {
      child.stdin.end()
      child.kill('SIGKILL')
      await end
    },
  }
}
