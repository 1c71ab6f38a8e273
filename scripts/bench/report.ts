import { type Finish, type Measured, median } from './measure.ts'

export type Result = { name: string; atOnce: number; rounds: Measured[] }

const stockPeers = ['tus file-store', 'multer diskStorage']
/** It keeps the bytes and does nothing else: what there is to win. */
const limit = 'node writer'
const targets = [
  { name: limit, speed: '-', cpu: '-' },
  { name: 'ours, multipart', speed: '>= 1.3', cpu: '<= 0.75' },
  { name: 'ours, PUT', speed: '>= 1.8', cpu: '<= 0.6' },
]

/** The medians of every subject, a line each. MB are 10^6 bytes; CPU is the server process's, in seconds per GiB. */
export function mediansTable(results: readonly Result[]): string {
  const head = ['at once', 'server', 'MB/s', 'MB/s lowest-highest', 'CPU s/GiB', 'peak RSS MB', 'client CPU s/GiB']
  return table([
    head,
    ...results.map(({ name, atOnce, rounds }) => {
      const speeds = rounds.map((round) => round.megabytesPerSecond)
      return [
        String(atOnce),
        name,
        shown(median(speeds), 0),
        `${shown(Math.min(...speeds), 0)}-${shown(Math.max(...speeds), 0)}`,
        shown(
          middle(rounds, (round) => round.cpuSecondsPerGib),
          2,
        ),
        shown(inMegabytes(middle(rounds, (round) => round.peakRssBytes)), 0),
        shown(
          middle(rounds, (round) => round.clientCpuSecondsPerGib),
          2,
        ),
      ]
    }),
  ])
}

/**
 * Ours, and what there is to win, against the better of the stock peers: each number against the better of theirs, beside
 * the targets. The last columns are ours against what there is to win.
 */
export function ratiosTable(results: readonly Result[]): string {
  const lines = results.flatMap(({ name, atOnce, rounds }) => {
    const target = targets.find((one) => one.name === name)
    if (target === undefined) return []
    const limits = results.filter((one) => one.atOnce === atOnce && one.name === limit)
    const stock = results.filter((one) => one.atOnce === atOnce && stockPeers.includes(one.name))
    const against = (others: readonly Result[]): string[] => [
      `${shown(speedOf(rounds) / Math.max(...others.map((one) => speedOf(one.rounds))), 2)}x`,
      `${shown(cpuOf(rounds) / Math.min(...others.map((one) => cpuOf(one.rounds))), 2)}x`,
    ]
    const [speed = '', cpu = ''] = against(stock)
    return [[String(atOnce), name, speed, target.speed, cpu, target.cpu, ...against(limits)]]
  })
  const head = ['at once', 'server', 'MB/s of best stock', 'target', 'CPU of best stock', 'target']
  return table([[...head, `MB/s of ${limit}`, `CPU of ${limit}`], ...lines])
}

function speedOf(rounds: readonly Measured[]): number {
  return median(rounds.map((round) => round.megabytesPerSecond))
}

function cpuOf(rounds: readonly Measured[]): number {
  return middle(rounds, (round) => round.cpuSecondsPerGib) ?? Number.NaN
}

/** Finishing, a line for each subject that finishes. */
export function finishTable(results: readonly Result[]): string {
  const head = ['at once', 'server', 'complete ms', 'SHA-256 pass ms', 'ratio', 'target', 'worker CPU', 'Postgres CPU']
  const lines = results.flatMap(({ name, atOnce, rounds }) => {
    const finishes = rounds.flatMap((round): Finish[] => (round.finish ? [round.finish] : []))
    if (finishes.length === 0) return []
    return [
      [
        String(atOnce),
        name,
        shown(median(finishes.map((finish) => finish.completeMs)), 0),
        shown(median(finishes.map((finish) => finish.hashPassMs)), 0),
        `${shown(median(finishes.map((finish) => finish.completeMs / finish.hashPassMs)), 2)}x`,
        '<= 1.3',
        shown(
          middle(finishes, (finish) => finish.workerCpuSecondsPerGib),
          2,
        ),
        shown(
          middle(finishes, (finish) => finish.postgresCpuSecondsPerGib),
          2,
        ),
      ],
    ]
  })
  return table([head, ...lines])
}

/** A number for people; "not measured" where there is none. */
export function shown(value: number | undefined, digits: number): string {
  return value === undefined || Number.isNaN(value) ? 'not measured' : value.toFixed(digits)
}

export function inMegabytes(bytes: number | undefined): number | undefined {
  return bytes === undefined ? undefined : bytes / 1e6
}

function middle<T>(rounds: readonly T[], read: (round: T) => number | undefined): number | undefined {
  const values = rounds.map(read).filter((value) => value !== undefined)
  return values.length === 0 ? undefined : median(values)
}

function table(rows: readonly string[][]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
