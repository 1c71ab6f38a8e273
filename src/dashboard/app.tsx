import { useCallback, useEffect, useState } from 'react'
import { FilesPage } from './files/files-page.tsx'
import { Notices } from './parts/notices.tsx'
import { PoolsPage } from './pools/pools-page.tsx'
import { QueuesPage } from './queues/queues-page.tsx'
import { useRoute } from './router.ts'
import { forgetToken, keepToken, keptToken, openSession, type Session, SessionContext, useSession } from './session.ts'
import { Shell } from './shell.tsx'
import { SignIn } from './sign-in.tsx'
import { TaskPage } from './tasks/task-page.tsx'
import { TasksPage } from './tasks/tasks-page.tsx'
import { applyTheme } from './theme.tsx'
import { openUploads, UploadsContext } from './files/upload-list.ts'

applyTheme()

/** The dashboard: a sign-in, and the pages behind it. */
export function App() {
  // Who follows a link that signs in wants that, whoever was signed in before.
  const [token, setToken] = useState(() => (location.hash.startsWith('#/sign-in/') ? undefined : keptToken()))
  const [farewell, setFarewell] = useState<string>()
  const signOut = useCallback((why?: string) => {
    forgetToken()
    setFarewell(why)
    setToken(undefined)
  }, [])
  const signIn = useCallback((given: string, where: 'tab' | 'browser') => {
    keepToken(given, where)
    setFarewell(undefined)
    setToken(given)
  }, [])
  return (
    <Notices>
      {token === undefined ? (
        <SignIn farewell={farewell} onSignedIn={signIn} />
      ) : (
        <SignedIn key={token} token={token} signOut={signOut} />
      )}
    </Notices>
  )
}

function SignedIn({ token, signOut }: { token: string; signOut: Session['signOut'] }) {
  const [session] = useState(() => openSession(token, signOut))
  const [uploads] = useState(() => (session === undefined ? undefined : openUploads(session.client)))
  useEffect(() => {
    if (session === undefined) return signOut('What was kept is not a token. Sign in again.')
    session.feed.open()
    return () => session.feed.close()
  }, [session, signOut])
  useEffect(() => () => uploads?.stop(), [uploads])
  if (session === undefined || uploads === undefined) return null
  return (
    <SessionContext.Provider value={session}>
      <UploadsContext.Provider value={uploads}>
        <Shell>
          <Page />
        </Shell>
      </UploadsContext.Provider>
    </SessionContext.Provider>
  )
}

function Page() {
  const { path } = useRoute()
  const { isAdmin } = useSession()
  const [page = 'files', id] = path
  if (page === 'tasks') return id === undefined ? <TasksPage /> : <TaskPage key={id} taskId={id} />
  if (page === 'queues' && isAdmin) return <QueuesPage />
  if (page === 'pools') return <PoolsPage />
  return <FilesPage />
}
