import type { Query } from '../db/connect.ts'
import { listOffers } from '../db/workers.ts'
import type { FieldError, PlannedTask } from './plan.ts'

/** What the live workers can do of a type, by parameter; undefined when none of them has said. */
export type Offers = Record<string, readonly string[]>

/** What this deployment offers, by type: what any live worker can do. */
export async function findOffers(query: Query): Promise<Map<string, Offers>> {
  const offers = new Map<string, Offers>()
  for (const { type, parameter, values } of await listOffers(query)) {
    offers.set(type, { ...offers.get(type), [parameter]: values })
  }
  return offers
}

/** Which tasks ask for what no live worker can do. While none is there nobody knows, and nothing is refused. */
export async function findUnoffered(
  query: Query,
  planned: readonly PlannedTask[],
  path: (index: number) => string,
): Promise<FieldError[]> {
  if (planned.every(({ job }) => job.offers === undefined)) return []
  const offers = await findOffers(query)
  return planned.flatMap(({ job, parameters }, index) =>
    Object.entries(offers.get(job.type) ?? {}).flatMap(([name, values]) => {
      const wanted = parameters[name]
      if (typeof wanted !== 'string' || values.includes(wanted)) return []
      const message = `is not installed here; there is ${values.join(', ') || 'none'}`
      return [{ field: `${path(index)}parameters.${name}`, message }]
    }),
  )
}
