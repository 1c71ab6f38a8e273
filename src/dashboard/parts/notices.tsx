import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useRef, useState } from 'react'
import { asError } from '../ask.ts'
import { Icon } from './icon.tsx'

type Kind = 'done' | 'problem'
type Notice = { key: number; kind: Kind; text: string }
type Say = (text: string, kind?: Kind) => void

const SayContext = createContext<Say>(() => {})
const shownMs = { done: 5000, problem: 12_000 }

/** Tells people what came of what they did: short, at the lower edge, and read out by screen readers. */
export function Notices({ children }: { children: ReactNode }) {
  const [notices, setNotices] = useState<Notice[]>([])
  const lastKey = useRef(0)
  const drop = useCallback((key: number) => setNotices((before) => before.filter((one) => one.key !== key)), [])
  const say = useCallback<Say>(
    (text, kind = 'done') => {
      const key = ++lastKey.current
      setNotices((before) => [...before.slice(-3), { key, kind, text }])
      setTimeout(() => drop(key), shownMs[kind])
    },
    [drop],
  )
  return (
    <SayContext.Provider value={say}>
      {children}
      <div className="notices" role="status" aria-live="polite">
        {notices.map(({ key, kind, text }) => (
          <div key={key} className={`notice ${kind}`}>
            <Icon name={kind === 'done' ? 'check' : 'alert'} />
            <span>{text}</span>
            <button type="button" className="icon-button" aria-label="Close this message" onClick={() => drop(key)}>
              <Icon name="close" />
            </button>
          </div>
        ))}
      </div>
    </SayContext.Provider>
  )
}

export function useSay(): Say {
  return useContext(SayContext)
}

/** Runs what a button does, one at a time, and says what went wrong. `isBusy` while it runs. */
export function useAction(): {
  act: (does: () => Promise<unknown>, done?: string) => Promise<boolean>
  isBusy: boolean
} {
  const say = useSay()
  const [isBusy, setBusy] = useState(false)
  const pressed = useRef<Element | null>(null)
  useEffect(() => {
    if (isBusy) return
    // A button that cannot be pressed for a while loses the focus, and who goes by keyboard would begin at the top again.
    const at = pressed.current
    if (at instanceof HTMLElement && at.isConnected && document.activeElement === document.body) at.focus()
    pressed.current = null
  }, [isBusy])
  const act = useCallback(
    async (does: () => Promise<unknown>, done?: string) => {
      pressed.current = document.activeElement
      setBusy(true)
      try {
        await does()
        if (done !== undefined) say(done)
        return true
      } catch (error) {
        say(asError(error).message, 'problem')
        return false
      } finally {
        setBusy(false)
      }
    },
    [say],
  )
  return useMemo(() => ({ act, isBusy }), [act, isBusy])
}
