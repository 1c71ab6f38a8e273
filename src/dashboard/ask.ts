import { useCallback, useEffect, useRef, useState } from 'react'

export type Asked<Answer> = {
  /** The last answer; it stays while it is asked again. */
  answer: Answer | undefined
  error: Error | undefined
  isLoading: boolean
  reload: () => void
}

/** Asks the server, and asks anew whenever one of `about` changes or `reload` is called. An answer that came too late is dropped. */
export function useAsk<Answer>(ask: () => Promise<Answer>, about: readonly unknown[]): Asked<Answer> {
  const [state, setState] = useState<Omit<Asked<Answer>, 'reload'>>({
    answer: undefined,
    error: undefined,
    isLoading: true,
  })
  const [round, setRound] = useState(0)
  const latest = useRef(ask)
  latest.current = ask
  useEffect(() => {
    let isCurrent = true
    setState((before) => ({ ...before, isLoading: true }))
    latest.current().then(
      (answer) => isCurrent && setState({ answer, error: undefined, isLoading: false }),
      (error: unknown) => isCurrent && setState((before) => ({ ...before, error: asError(error), isLoading: false })),
    )
    return () => {
      isCurrent = false
    }
  }, [round, ...about])
  const reload = useCallback(() => setRound((before) => before + 1), [])
  return { ...state, reload }
}

/** Calls back once so many milliseconds after it was first asked to, however often it is asked meanwhile. */
export function useSoon(delayMs: number, callBack: () => void): () => void {
  const latest = useRef(callBack)
  latest.current = callBack
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined)
  useEffect(() => () => clearTimeout(timer.current), [])
  return useCallback(() => {
    timer.current ??= setTimeout(() => {
      timer.current = undefined
      latest.current()
    }, delayMs)
  }, [delayMs])
}

export function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
