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

/** Whether the browser has a network. It knows at once that there is none; that a connection is dead shows only at its next ping. */
export function useOnline(): boolean {
  return useSyncExternalStore(watchOnline, () => navigator.onLine)
}

function watchOnline(changed: () => void): () => void {
  window.addEventListener('online', changed)
  window.addEventListener('offline', changed)
  return () => {
    window.removeEventListener('online', changed)
    window.removeEventListener('offline', changed)
  }
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
