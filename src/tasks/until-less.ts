/** Does a step again as long as it finds as much as it takes at once. Answers how many it found in all. */
export async function untilLess(limit: number, step: () => Promise<number>): Promise<number> {
  let total = 0
  for (;;) {
    const found = await step()
    total += found
    if (found < limit) return total
  }
}
