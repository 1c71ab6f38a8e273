import type { Random } from '../../../scripts/chaos/random.ts'

export function chance({ next }: Random, probability: number): boolean {
  return next() < probability
}

export function pick<Item>(random: Random, items: readonly Item[]): Item {
  const nth = random.whole(0, items.length - 1)
  for (const item of items.slice(nth, nth + 1)) return item
  throw new Error('there is nothing to pick from')
}
