/** Hands one item over and answers what came of it. */
export type Group<Item, Answer> = (item: Item) => Promise<Answer>

type Waiting<Item, Answer> = { item: Item; resolve: (answer: Answer) => void; reject: (error: unknown) => void }

const maxItems = 256

/**
 * Group commit: whatever is handed over while `rounds` rounds are under way goes together in the next one. `work` answers
 * one value per item, in order; when it fails, each item is tried by itself, so that one cannot spoil the others.
 */
export function createGroup<Item, Answer>(
  work: (items: readonly Item[]) => Promise<Answer[]>,
  rounds = 1,
): Group<Item, Answer> {
  let waiting: Waiting<Item, Answer>[] = []
  let underWay = 0

  const run = async (): Promise<void> => {
    while (waiting.length > 0) {
      const round = waiting.slice(0, maxItems)
      waiting = waiting.slice(maxItems)
      await settle(work, round)
    }
    underWay--
  }

  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject })
      if (underWay >= rounds) return
      underWay++
      // What comes in the same turn of the event loop is one round already.
      setImmediate(() => void run())
    })
}

async function settle<Item, Answer>(
  work: (items: readonly Item[]) => Promise<Answer[]>,
  round: readonly Waiting<Item, Answer>[],
): Promise<void> {
  try {
    const answers = await work(round.map(({ item }) => item))
    if (answers.length !== round.length) throw new Error(`${round.length} items got ${answers.length} answers`)
    answers.forEach((answer, index) => round[index]?.resolve(answer))
  } catch (error) {
    if (round.length === 1) for (const { reject } of round) reject(error)
    else for (const one of round) await settle(work, [one])
  }
}
