import { useEffect, useMemo, useSyncExternalStore } from 'react'
import { useLive } from '../use-live.ts'
import { useSession } from '../session.ts'
import { TaskList, type TaskNarrowing } from './task-list.ts'

/** The tasks that fit, kept up to date while the component is there. */
export function useTaskList({ status, type }: TaskNarrowing) {
  const { client } = useSession()
  const list = useMemo(() => new TaskList(client, { status, type }), [client, status, type])
  useEffect(() => {
    void list.reload()
    const seen = (): void => {
      if (!document.hidden) list.refresh()
    }
    document.addEventListener('visibilitychange', seen)
    return () => {
      document.removeEventListener('visibilitychange', seen)
      list.close()
    }
  }, [list])
  useLive({
    onEvent: (event) => list.event(event),
    onSnapshot: ({ isReset }) => void (isReset && list.reload()),
  })
  const state = useSyncExternalStore(
    (changed) => list.watch(changed),
    () => list.state,
  )
  return { list, ...state }
}
