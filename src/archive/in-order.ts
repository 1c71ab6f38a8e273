/** Something that is being made, and about how much memory it takes meanwhile. */
export type Coming<T> = { done: Promise<T>; holdsBytes: number }

/**
 * What comes, in its order. More is asked for while the first is not ready and at most `most` of them, holding at most
 * `mostBytes`, are being made. Throws what making one threw, once the others have come to an end.
 */
export async function* inOrder<T>(
  source: AsyncIterable<Coming<T>>,
  { most, mostBytes }: { most: number; mostBytes: number },
): AsyncGenerator<T> {
  const coming: (Coming<T> & { isReady: boolean })[] = []
  let heldBytes = 0
  const isFull = (): boolean => coming.length >= most || (coming.length > 0 && heldBytes > mostBytes)
  const next = async function* (): AsyncGenerator<T> {
    const first = coming.shift()
    if (first === undefined) return
    yield await first.done
    heldBytes -= first.holdsBytes
  }
  try {
    for await (const one of source) {
      const kept = { ...one, isReady: false }
      // It may fail before anybody waits for it; the failure is met when it is awaited.
      one.done.then(
        () => (kept.isReady = true),
        () => undefined,
      )
      coming.push(kept)
      heldBytes += one.holdsBytes
      while (isFull() || coming[0]?.isReady) yield* next()
    }
    while (coming.length > 0) yield* next()
  } finally {
    await Promise.allSettled(coming.map(({ done }) => done))
  }
}
