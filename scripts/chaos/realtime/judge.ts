import type { Finding } from '../scene.ts'
import type { Journal, Told } from './journal.ts'

/** A client, and what it should have been told. */
export type Case = { name: string; journal: Journal; ledger: readonly Told[] }

export type Faults = {
  missing: string[]
  twice: string[]
  disordered: string[]
  invented: string[]
  complaints: string[]
}

/** Compares what each client was told with what the ledger has. Order is promised within a task. */
export function findFaults(cases: readonly Case[]): Faults {
  const faults: Faults = { missing: [], twice: [], disordered: [], invented: [], complaints: [] }
  for (const { name, journal, ledger } of cases) {
    const kept = new Map(ledger.map((event) => [nameOf(event), event.text]))
    const seen = new Set<string>()
    const last = new Map<string, number>()
    for (const event of journal.events) {
      const what = nameOf(event)
      if (seen.has(what)) faults.twice.push(`${name}: ${what}`)
      else if (event.seq < (last.get(event.taskId) ?? 0)) faults.disordered.push(`${name}: ${what}`)
      if (kept.get(what) !== event.text) faults.invented.push(`${name}: ${what} as ${event.text}`)
      seen.add(what)
      last.set(event.taskId, event.seq)
    }
    for (const what of kept.keys()) if (!seen.has(what)) faults.missing.push(`${name}: ${what}`)
    for (const complaint of journal.complaints) faults.complaints.push(`${name} ${complaint}`)
  }
  return faults
}

/** Whether a client has been told as many events as there are. */
export function isComplete({ journal, ledger }: Case): boolean {
  return journal.events.length >= ledger.length
}

/** The faults as findings; `of` says of how many clients and events they are. */
export function faultFindings(faults: Faults, of: string): Finding[] {
  return [
    none('events of the ledger that a client missed', faults.missing, of),
    none('events that a client was told twice', faults.twice, of),
    none('events told before an earlier one of their task', faults.disordered, of),
    none('events that are not in the ledger, or not so', faults.invented, of),
    none('clients that were refused, or had to begin anew', faults.complaints, of),
  ]
}

const namedAtMost = 5

function none(promise: string, wrong: readonly string[], of: string): Finding {
  const named = wrong.slice(0, namedAtMost).map((one) => `\n    ${one}`)
  const more = wrong.length > namedAtMost ? `\n    and ${wrong.length - namedAtMost} more` : ''
  return { promise, target: '0', measured: `${wrong.length} ${of}${named.join('')}${more}`, held: wrong.length === 0 }
}

function nameOf({ taskId, seq }: Pick<Told, 'taskId' | 'seq'>): string {
  return `event ${seq} of task ${taskId}`
}
