import { useMemo, useSyncExternalStore } from 'react'

/** Where the page is, from what stands behind `#`: `#/tasks/…?status=Failed`. */
export type Route = { path: string[]; query: URLSearchParams }

export function useRoute(): Route {
  const hash = useSyncExternalStore(watchHash, () => location.hash)
  return useMemo(() => parseRoute(hash), [hash])
}

function parseRoute(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?')
  return { path: path.split('/').filter(Boolean).map(decode), query: new URLSearchParams(query) }
}

/** The address of this page with other filters; what is empty is left out. */
export function withQuery({ path, query }: Route, changes: Record<string, string | undefined>): string {
  const changed = new URLSearchParams(query)
  for (const [name, value] of Object.entries(changes)) {
    if (value) changed.set(name, value)
    else changed.delete(name)
  }
  const text = changed.toString()
  return `#/${path.map(encodeURIComponent).join('/')}${text === '' ? '' : `?${text}`}`
}

/** Goes to an address that begins with `#`. In place of the present one, going back leads to what was before. */
export function go(address: string, options: { replace?: boolean } = {}): void {
  if (address === location.hash) return
  if (options.replace) history.replaceState(null, '', address)
  else history.pushState(null, '', address)
  dispatchEvent(new HashChangeEvent('hashchange'))
}

function watchHash(changed: () => void): () => void {
  const events = ['hashchange', 'popstate'] as const
  for (const name of events) addEventListener(name, changed)
  return () => {
    for (const name of events) removeEventListener(name, changed)
  }
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}
