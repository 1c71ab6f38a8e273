type Work = () => Promise<unknown>

const works: Work[] = []

/**
 * Has something done at the end of every test file, the last to ask being the first to be served. For modules that keep what a
 * file may have left behind: they are loaded once for all the files that a worker runs, so a hook of their own would serve the
 * first of these alone.
 */
export function atEndOfEachFile(work: Work): void {
  works.push(work)
}

/** Does all of it, and fails with the first that failed. */
export async function endFile(): Promise<void> {
  const failures: unknown[] = []
  for (const work of works.toReversed()) await work().catch((error: unknown) => failures.push(error))
  if (failures.length > 0) throw failures[0]
}
