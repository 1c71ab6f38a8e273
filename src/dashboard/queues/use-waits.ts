import { useRef } from 'react'
import type { Band, BandView } from '../../client/browser.ts'

type Wait = { minute: number; seconds: number }
const hourMs = 3_600_000
const minuteMs = 60_000

/** The longest wait of each minute since the page was opened, by band. */
export function useWaits(bands: readonly BandView[] | undefined): ReadonlyMap<Band, readonly Wait[]> {
  const waits = useRef(new Map<Band, Wait[]>())
  const minute = Math.floor(Date.now() / minuteMs) * minuteMs
  for (const { band, oldestWaitSeconds: seconds } of bands ?? []) {
    const known = (waits.current.get(band) ?? []).filter((wait) => wait.minute > minute - hourMs)
    const last = known.at(-1)
    if (last?.minute === minute) last.seconds = Math.max(last.seconds, seconds)
    else known.push({ minute, seconds })
    waits.current.set(band, known)
  }
  return waits.current
}
