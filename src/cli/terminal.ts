/** Where a command's words go. What is made for scripts goes to stdout, everything else to stderr. */
export type Terminal = {
  /** A line of the result. */
  print: (line: string) => void
  /** A line for people; left out with `--quiet` and `--json`. */
  note: (line: string) => void
  /** A line about a problem. */
  problem: (line: string) => void
  /** What happens just now, in a line that the next one takes the place of; only where people look on. */
  status: (line: string) => void
  /** Whether people look on. */
  isWatched: boolean
  stdout: NodeJS.WriteStream
}

type Streams = { stdout: NodeJS.WriteStream; stderr: NodeJS.WriteStream }

export function openTerminal({ stdout, stderr }: Streams, { isSilent }: { isSilent: boolean }): Terminal {
  const isWatched = stderr.isTTY && !isSilent
  let shown = ''
  const wipe = (): void => {
    if (shown !== '') stderr.write('\r\x1b[K')
    shown = ''
  }
  return {
    print: (line) => {
      wipe()
      stdout.write(`${line}\n`)
    },
    note: (line) => {
      wipe()
      if (!isSilent) stderr.write(`${line}\n`)
    },
    problem: (line) => {
      wipe()
      stderr.write(`longshore: ${line}\n`)
    },
    status: (line) => {
      if (!isWatched) return
      // A terminal that does not say how wide it is has 80 columns, as ever.
      const fitting = line.slice(0, (stderr.columns || 80) - 1)
      stderr.write(`\r${fitting}\x1b[K`)
      shown = fitting
    },
    isWatched,
    stdout,
  }
}
