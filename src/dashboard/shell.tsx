import { type ReactNode, useEffect, useRef, useState } from 'react'
import { useLiveState, useOnline } from './use-live.ts'
import { Icon } from './parts/icon.tsx'
import { useRoute } from './router.ts'
import { useSession } from './session.ts'
import { ThemeSwitch } from './theme.tsx'

const pages = [
  { name: 'files', title: 'Files' },
  { name: 'tasks', title: 'Tasks' },
  { name: 'queues', title: 'Queues', isForAdmins: true },
  { name: 'pools', title: 'Pools' },
]

/** What is around every page: the way to the others, how the connection is, and the way out. */
export function Shell({ children }: { children: ReactNode }) {
  const { path } = useRoute()
  const { isAdmin, account, signOut } = useSession()
  const main = useRef<HTMLElement>(null)
  const [current = 'files'] = path
  const title = pages.find(({ name }) => name === current)?.title ?? 'Files'
  useEffect(() => {
    document.title = `${title} · Longshore`
  }, [title])
  return (
    <>
      <button type="button" className="skip" onClick={() => main.current?.focus()}>
        Skip to the content
      </button>
      <header className="top">
        <a className="brand" href="#/files">
          <Mark />
          Longshore
        </a>
        <nav aria-label="Pages">
          {pages
            .filter(({ isForAdmins }) => isAdmin || !isForAdmins)
            .map(({ name, title: shown }) => (
              <a key={name} href={`#/${name}`} aria-current={name === current ? 'page' : undefined}>
                {shown}
              </a>
            ))}
        </nav>
        <div className="tools">
          <Connection />
          <ThemeSwitch />
          <button
            type="button"
            className="icon-button"
            title={`Sign out ${account}`}
            aria-label="Sign out"
            onClick={() => signOut()}
          >
            <Icon name="out" />
          </button>
        </div>
      </header>
      <Offline />
      <main ref={main} tabIndex={-1}>
        {children}
      </main>
    </>
  )
}

function Mark() {
  return (
    <svg className="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="7" />
      <path className="crane" d="M9 8v13h8" />
      <path className="waves" d="M7 25c2-1.6 4-1.6 6 0s4 1.6 6 0 4-1.6 6 0" />
      <rect className="load" x="19" y="12" width="6" height="6" rx="1.2" />
    </svg>
  )
}

const connections = {
  live: { tone: 'good', text: 'Live' },
  connecting: { tone: 'wait', text: 'Connecting' },
  waiting: { tone: 'bad', text: 'Reconnecting' },
  closed: { tone: 'bad', text: 'Not live' },
}

const offline = { tone: 'bad', text: 'Offline' }

function Connection() {
  const state = useLiveState()
  const { tone, text } = useOnline() ? connections[state] : offline
  return (
    <span className={`connection ${tone}`} role="status">
      <span className="dot" aria-hidden="true" />
      {text}
    </span>
  )
}

/** Says that nothing comes any more: at once without a network, else once that has lasted longer than a moment. */
function Offline() {
  const state = useLiveState()
  const isOnline = useOnline()
  const [isLong, setLong] = useState(false)
  useEffect(() => {
    setLong(false)
    if (state === 'live') return
    const timer = setTimeout(() => setLong(true), 3000)
    return () => clearTimeout(timer)
  }, [state === 'live'])
  if (!isLong && isOnline) return null
  return (
    <p className="offline" role="alert">
      <Icon name="alert" />
      {isOnline
        ? 'The server cannot be reached. What you see may be old; it is tried again by itself.'
        : 'You are offline. Uploads go on by themselves when the connection is back.'}
    </p>
  )
}
