import { performance } from 'node:perf_hooks'

export type Screen = {
  say: (line: string) => void
  /** Does something with a bar that grows from 0 to 100 percent, and leaves a line of how long it took. */
  step: <Answer>(
    title: string,
    work: (show: (percent: number, note?: string) => void) => Promise<Answer>,
  ) => Promise<Answer>
}

const barWidth = 24

/** A screen on a stream. Where nobody looks on, steps leave only their last line. */
export function openScreen(stream: NodeJS.WriteStream): Screen {
  const isWatched = stream.isTTY
  return {
    say: (line) => stream.write(`${line}\n`),
    step: async (title, work) => {
      const beganAtMs = performance.now()
      const show = (percent: number, note = ''): void => {
        if (!isWatched) return
        const filled = Math.round((Math.min(100, Math.max(0, percent)) / 100) * barWidth)
        const line = `  ${title.padEnd(34)} ${'█'.repeat(filled)}${'░'.repeat(barWidth - filled)} ${note}`
        stream.write(`\r${line.slice(0, (stream.columns || 80) - 1)}\x1b[K`)
      }
      show(0)
      const answer = await work(show)
      const took = `${((performance.now() - beganAtMs) / 1000).toFixed(1)} s`
      stream.write(`${isWatched ? '\r' : ''}  ${title.padEnd(34)} ${took}${isWatched ? '\x1b[K' : ''}\n`)
      return answer
    },
  }
}

/** Bytes as people read them: `256.0 MiB`. */
export function inMebibytes(bytes: number): string {
  return bytes < 1024 * 1024 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 1024 / 1024).toFixed(1)} MiB`
}
