/**
 * A function that answers what `find` does, which is asked by one at a time, and again no sooner than `keptMs` after its last
 * answer, or than it says for an answer that took so long: however many want to know, it costs the same. A failure is not kept.
 */
export function kept<Answer>(
  keptMs: number | ((answer: Answer, tookMs: number) => number),
  find: () => Promise<Answer>,
): () => Promise<Answer> {
  let asking: Promise<Answer> | undefined
  let freshUntilMs = 0
  return () => {
    const beganAtMs = performance.now()
    if (asking && beganAtMs < freshUntilMs) return asking
    freshUntilMs = Number.POSITIVE_INFINITY
    asking = find().then(
      (answer) => {
        const nowMs = performance.now()
        freshUntilMs = nowMs + (typeof keptMs === 'number' ? keptMs : keptMs(answer, nowMs - beganAtMs))
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
