/** A function to call at each death; it answers true when there have been `limit` of them within `windowMs`. */
export function deathCounter(limit = 5, windowMs = 30_000): () => boolean {
  const deaths: number[] = []
  return () => {
    const now = performance.now()
    deaths.push(now)
    return deaths.filter((at) => now - at < windowMs).length >= limit
  }
}
