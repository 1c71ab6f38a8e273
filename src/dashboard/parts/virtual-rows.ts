import { type RefObject, useLayoutEffect, useState } from 'react'

const beyond = 12

export type Window = { start: number; end: number; before: number; after: number }

/**
 * Which rows of a long list are near what is seen of the page, all of the same height in pixels, and how much room those before and after
 * them take. The page itself scrolls, so the list can be as long as it likes without a second scroll bar.
 */
export function useVirtualRows(list: RefObject<HTMLElement | null>, count: number, rowHeight: number): Window {
  const [seen, setSeen] = useState({ start: 0, end: 40 })
  useLayoutEffect(() => {
    const look = (): void => {
      const top = list.current?.getBoundingClientRect().top ?? 0
      const first = Math.floor(-top / rowHeight)
      const start = Math.max(0, first - beyond)
      const end = Math.max(0, first) + Math.ceil(innerHeight / rowHeight) + beyond
      setSeen((before) => (before.start === start && before.end === end ? before : { start, end }))
    }
    look()
    addEventListener('scroll', look, { passive: true })
    addEventListener('resize', look)
    return () => {
      removeEventListener('scroll', look)
      removeEventListener('resize', look)
    }
  }, [list, rowHeight])
  const end = Math.min(count, seen.end)
  const start = Math.min(seen.start, end)
  return { start, end, before: start * rowHeight, after: (count - end) * rowHeight }
}

/** Whether the page is narrow, as the style sheet sees it. */
export function useIsNarrow(): boolean {
  const [isNarrow, setNarrow] = useState(() => matchMedia('(max-width: 44rem)').matches)
  useLayoutEffect(() => {
    const media = matchMedia('(max-width: 44rem)')
    const changed = (): void => setNarrow(media.matches)
    changed()
    media.addEventListener('change', changed)
    return () => media.removeEventListener('change', changed)
  }, [])
  return isNarrow
}
