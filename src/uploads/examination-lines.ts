import type { Finding, FindingKind } from '../files/findings.ts'
import type { Examination } from './examine.ts'

const words: Record<FindingKind, { what: string; help: string }> = {
  'staging-without-task': { what: 'unfinished uploads or outputs that belong to no task', help: 'removes them' },
  'ended-upload-staging': { what: 'ended uploads whose staging was not removed', help: 'removes it' },
  'upload-without-staging': { what: 'unfinished uploads whose staging is gone', help: 'has them expire' },
  'object-bytes-missing': { what: 'objects of files whose bytes are missing', help: '' },
  'object-bytes-differ': { what: 'objects of files that have another size', help: '' },
  'bytes-without-object': { what: 'stored objects that nothing refers to', help: 'removes them' },
  'object-without-file': {
    what: 'objects that no file refers to',
    help: 'removes them, at the latest after their grace',
  },
  'usage-differs': { what: 'accounts whose booked usage is wrong', help: 'books what there is' },
}

const mostNamed = 5

/** An examination in words, a line each. */
export function linesOf({ verdict, mends, pools, findings, unchecked }: Examination): string[] {
  const nameOf = new Map([...pools, ...unchecked].map(({ poolId, name }) => [poolId, name]))
  return [
    ...pools.map(
      ({ name, storedObjects, storedBytes, objects }) =>
        `pool "${name}": ${storedObjects} stored objects with ${storedBytes} bytes, ${objects} in the ledger`,
    ),
    ...findings.flatMap((finding) => findingLines(finding, nameOf, mends)),
    ...unchecked.map(({ name, reason }) => `pool "${name}" could not be checked: ${reason}`),
    conclusion(verdict, mends),
  ]
}

function findingLines(finding: Finding, nameOf: ReadonlyMap<string, string>, mends: boolean): string[] {
  const { kind, poolId, count, bytes, mended, samples } = finding
  const { what, help } = words[kind]
  const where = poolId === null ? '' : `, pool "${nameOf.get(poolId) ?? poolId}"`
  const size = bytes > 0 ? `, ${bytes} bytes` : ''
  const more = count > mostNamed ? [`    and ${count - mostNamed} more`] : []
  return [
    `${count} ${what}${where}${size}: ${outcome({ count, mended, mends, help })}`,
    ...samples.slice(0, mostNamed).map((sample) => `    ${sample}`),
    ...more,
  ]
}

function outcome({
  count,
  mended,
  mends,
  help,
}: {
  count: number
  mended: number
  mends: boolean
  help: string
}): string {
  if (help === '') return 'cannot be mended, only restored from a backup'
  if (!mends) return `--mend ${help}`
  return mended === count ? 'mended' : `${mended} mended, ${count - mended} left alone`
}

function conclusion(verdict: Examination['verdict'], mends: boolean): string {
  if (verdict === 'unchecked') return 'Not everything could be checked.'
  if (verdict === 'findings') return mends ? 'Not everything could be mended.' : 'Nothing was changed.'
  return 'The ledger and the pools agree.'
}
