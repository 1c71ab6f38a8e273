/**
 * A function that answers what `find` does, which is asked by one at a time, and again no sooner than `keptMs` after its last
 * answer: however many want to know, it costs the same. A failure is not kept.
 */
export function kept<Answer>(keptMs: number, find: () => Promise<Answer>): () => Promise<Answer> {
  let asking: Promise<Answer> | undefined
  let freshUntilMs = 0
  return () => {
    if (asking && performance.now() < freshUntilMs) return asking
    freshUntilMs = Number.POSITIVE_INFINITY
    asking = find().then(
      (answer) => {
        freshUntilMs = performance.now() + keptMs
        return answer
      },
      (error: unknown) => {
        freshUntilMs = 0
        throw error
      },
    )
    return asking
  }
}
