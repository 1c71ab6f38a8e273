import { parseArgs } from 'node:util'
import { type Band, bands } from '../src/contract/task.ts'

export type WorkerOptions = {
  /** How many tasks of each band may run at once; every band that is served has at least one slot. */
  slots: ReadonlyMap<Band, number>
  concurrency: number
}

/** Reads `--queues high,normal,low --concurrency 4`. Throws an Error with one clear line when they make no sense. */
export function readWorkerOptions(args: readonly string[]): WorkerOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      queues: { type: 'string', default: bands.join(',') },
      concurrency: { type: 'string', default: '4' },
    },
  })
  const served = readBands(values.queues)
  const concurrency = Number(values.concurrency)
  if (!Number.isSafeInteger(concurrency) || concurrency < 1 || concurrency > 1000) {
    throw new Error(`--concurrency must be a whole number from 1 to 1000, not ${values.concurrency}`)
  }
  if (concurrency < served.length) {
    throw new Error(
      `--concurrency ${concurrency} is too low: each of the ${served.length} queues needs a slot of its own`,
    )
  }
  return { slots: shareOut(served, concurrency), concurrency }
}

function readBands(text: string): Band[] {
  const names = text.split(',').map((name) => name.trim())
  const unknown = names.find((name) => !bands.some((band) => band === name))
  if (unknown !== undefined) throw new Error(`--queues: there is no queue "${unknown}", only ${bands.join(', ')}`)
  return bands.filter((band) => names.includes(band))
}

/** One slot each, and the rest in turn from the most urgent band on. */
function shareOut(served: readonly Band[], concurrency: number): Map<Band, number> {
  const slots = new Map<Band, number>()
  for (let slot = 0; slot < concurrency; slot++) {
    const band = served[slot % served.length]
    if (band) slots.set(band, (slots.get(band) ?? 0) + 1)
  }
  return slots
}
