import { createHash, timingSafeEqual } from 'node:crypto'

/** Prometheus' text format. */
export const metricsType = 'text/plain; version=0.0.4; charset=utf-8'

/** Whether an Authorization header brings the token that opens the metrics. Takes the same time for every wrong one. */
export function mayReadMetrics(token: string, header: string | undefined): boolean {
  const given = /^Bearer +(\S+) *$/i.exec(header ?? '')?.[1] ?? ''
  return timingSafeEqual(sha256(given), sha256(token))
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
