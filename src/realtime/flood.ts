const windowMs = 1_000

/** Counts a client's packets; answers true once, when it has sent too many within a second. */
export function createFloodGate(maxPacketsPerSecond: number): () => boolean {
  let windowEndsAt = 0
  let packets = 0
  return () => {
    if (Date.now() >= windowEndsAt) {
      windowEndsAt = Date.now() + windowMs
      packets = 0
    }
    packets += 1
    return packets === maxPacketsPerSecond + 1
  }
}
