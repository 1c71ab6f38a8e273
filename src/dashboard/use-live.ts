import { useEffect, useRef, useSyncExternalStore } from 'react'
import type { RoomState } from '../client/browser.ts'
import type { LiveListener } from './live-feed.ts'
import { useSession } from './session.ts'

/** How the connection stands over which everything comes live. */
export function useLiveState(): RoomState {
  const { feed } = useSession()
  return useSyncExternalStore(
    (changed) => feed.watchState(changed),
    () => feed.state,
  )
}

/** Told what happens while the component is there. */
export function useLive(listener: LiveListener): void {
  const { feed } = useSession()
  const latest = useRef(listener)
  latest.current = listener
  useEffect(
    () =>
      feed.listen({
        onEvent: (event) => latest.current.onEvent?.(event),
        onSnapshot: (snapshot) => latest.current.onSnapshot?.(snapshot),
      }),
    [feed],
  )
}
