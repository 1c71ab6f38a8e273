import type { Query } from './connect.ts'

/** The office of the worker that sweeps. */
export const sweepsOffice = 'sweeps'

/** Makes an office that one process at a time can hold, once per ledger. */
export async function ensureOffice(query: Query, office: string): Promise<void> {
  await query`insert into elections (office, until) values (${office}, now()) on conflict do nothing`
}

export type Candidacy = { office: string; holder: string; termMs: number }

/**
 * Takes an office that nobody holds any more, or holds it for another term. True when it is held from now on for `termMs`,
 * by the ledger's time. An office that somebody else holds is only looked at: nothing is written and nobody waited for.
 */
export async function takeOffice(query: Query, { office, holder, termMs }: Candidacy): Promise<boolean> {
  const rows = await query`
    update elections set holder = ${holder}, until = clock_timestamp() + ${termMs} * interval '1 millisecond'
    where office = ${office} and (holder = ${holder} or until < clock_timestamp())`
  return rows.count === 1
}

/** Gives an office up, so that the next one need not wait for the end of the term. */
export async function leaveOffice(query: Query, { office, holder }: Omit<Candidacy, 'termMs'>): Promise<void> {
  await query`
    update elections set holder = null, until = clock_timestamp() where office = ${office} and holder = ${holder}`
}
