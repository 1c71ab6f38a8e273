/** What can be wrong between the ledger and the pools. */
export type FindingKind =
  | 'staging-without-task'
  | 'ended-upload-staging'
  | 'upload-without-staging'
  | 'object-bytes-missing'
  | 'object-bytes-differ'
  | 'bytes-without-object'
  | 'object-without-file'
  | 'usage-differs'

/** `bytes` is the sum over all of them, as far as it is known; `samples` names some of them. */
export type Finding = {
  kind: FindingKind
  poolId: string | null
  count: number
  bytes: number
  mended: number
  samples: string[]
}

/** One thing that was found, or `count` of them; `sample` names it, or one of them, for people. */
export type Found = {
  kind: FindingKind
  poolId: string | null
  sample: string
  count?: number
  bytes?: number
  isMended?: boolean
}

const mostSamples = 20

/** Adds up what is found, and keeps the names of some of it: however much there is, little memory is taken. */
export class Findings {
  readonly #all = new Map<string, Finding>()

  add({ kind, poolId, sample, count = 1, bytes = 0, isMended = false }: Found): void {
    const place = `${kind} ${poolId}`
    const finding = this.#all.get(place) ?? { kind, poolId, count: 0, bytes: 0, mended: 0, samples: [] }
    this.#all.set(place, finding)
    finding.count += count
    finding.bytes += bytes
    if (isMended) finding.mended += count
    if (finding.samples.length < mostSamples) finding.samples.push(sample)
  }

  /** Adds what others have found. */
  take(others: Findings): void {
    for (const [place, finding] of others.#all) this.#all.set(place, finding)
  }

  /** By kind and pool. */
  list(): Finding[] {
    return [...this.#all.entries()].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, finding]) => finding)
  }
}
