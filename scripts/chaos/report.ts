import type { Books, Wrong } from './ledger.ts'
import type { Finding } from './scene.ts'

/** How many wrong tasks are named of each kind. */
const namedAtMost = 5

/** What the books say of the promises about every task. */
export function bookFindings(books: Books, acknowledged: number): Finding[] {
  const of = `of ${acknowledged}`
  return [
    none('acknowledged tasks lost', books.lost, of),
    none('effects applied twice', books.doubled, of),
    none('histories with a gap or without exactly one end', books.unsound, of),
    none('tasks made twice by a repeated request', books.surplus, of),
  ]
}

function none(promise: string, wrong: readonly Wrong[], of: string): Finding {
  const named = wrong.slice(0, namedAtMost).map(({ taskId, why }) => `\n    task ${taskId} ${why}`)
  const more = wrong.length > namedAtMost ? `\n    and ${wrong.length - namedAtMost} more` : ''
  return { promise, target: '0', measured: `${wrong.length} ${of}${named.join('')}${more}`, held: wrong.length === 0 }
}

/** The findings for people, two lines each. */
export function describeFindings(findings: readonly Finding[]): string {
  const lines = findings.map(
    ({ promise, target, measured, held }) =>
      `${held === undefined ? 'told  ' : held ? 'held  ' : 'BROKEN'} ${promise}: ${measured}\n       promised: ${target}`,
  )
  const judged = findings.filter((finding) => finding.held !== undefined)
  const broken = judged.filter((finding) => finding.held === false).length
  const verdict = broken === 0 ? `all ${judged.length} promises held` : `${broken} of ${judged.length} did not hold`
  return [...lines, verdict].join('\n')
}
