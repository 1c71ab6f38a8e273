import type { Sql } from '../db/connect.ts'
import { forgetProcess, notePresence, noteProcess } from '../db/presence.ts'
import type { Log } from '../log.ts'

export type Presence = {
  /** Somebody of the account is connected until the answer is called. */
  enter: (accountId: string) => () => void
  /** Says that nobody is connected any more. */
  close: () => Promise<void>
}

/** For processes of which nobody asks who is connected. */
export const untold: Presence = { enter: () => () => {}, close: async () => {} }

const flushEveryMs = 500
const heartbeatMs = 5000

/**
 * Says in the ledger of which accounts somebody is connected to this process, in one statement for all that came and went
 * within half a second. What cannot be said now is said later.
 */
export function tellPresence({ sql, processId, log }: { sql: Sql; processId: string; log: Log }): Presence {
  const connections = new Map<string, number>()
  let changed = new Set<string>()
  let saidAtMs = Number.NEGATIVE_INFINITY

  const say = async (): Promise<void> => {
    const isDue = performance.now() - saidAtMs >= heartbeatMs
    if (!isDue && changed.size === 0) return
    const isNew = isDue && (await noteProcess(sql, processId))
    if (isDue) saidAtMs = performance.now()
    const accounts = isNew ? new Set([...changed, ...connections.keys()]) : changed
    if (accounts.size === 0) return
    changed = new Set()
    try {
      await notePresence(sql, processId, {
        present: [...accounts].filter((one) => connections.has(one)),
        absent: [...accounts].filter((one) => !connections.has(one)),
      })
    } catch (error) {
      changed = new Set([...changed, ...accounts])
      // The process may be what is not known: say so first the next time.
      saidAtMs = Number.NEGATIVE_INFINITY
      throw error
    }
  }
  let saying = Promise.resolve()
  const timer = setInterval(() => {
    saying = saying.then(say).catch((error: unknown) => log.debug({ err: error }, 'presence cannot be told now'))
  }, flushEveryMs)
  return {
    enter: (accountId) => {
      const count = connections.get(accountId) ?? 0
      connections.set(accountId, count + 1)
      if (count === 0) changed.add(accountId)
      let isIn = true
      return () => {
        const left = (connections.get(accountId) ?? 1) - 1
        if (!isIn) return
        isIn = false
        if (left > 0) connections.set(accountId, left)
        else connections.delete(accountId)
        if (left === 0) changed.add(accountId)
      }
    },
    close: async () => {
      clearInterval(timer)
      await saying
      await forgetProcess(sql, processId)
    },
  }
}
