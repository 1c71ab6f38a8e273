/**
 * How long the caller wants to wait for an answer, by `Prefer` (RFC 7240): `respond-async` is 0, `wait=N` is N seconds,
 * never more than `maxMs`, which is also what applies without a preference. In milliseconds.
 */
export function preferredWaitMs(field: string | undefined, maxMs: number): number {
  const preferences = (field ?? '').split(',').map((preference) => preference.split(';')[0]?.trim().toLowerCase() ?? '')
  for (const preference of preferences) {
    const seconds = /^wait ?= ?"?(\d{1,9})"?$/.exec(preference)?.[1]
    if (seconds !== undefined) return Math.min(Number(seconds) * 1000, maxMs)
  }
  return preferences.includes('respond-async') ? 0 : maxMs
}
