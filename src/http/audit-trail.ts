import type { Request, Response } from 'express'
import type { Identity } from '../auth/verify.ts'
import { type AuditEntry, insertAuditEntries } from '../db/audit.ts'
import type { Sql } from '../db/connect.ts'
import type { Log } from '../log.ts'
import { Recent } from './recent.ts'
import { requestIdOf } from './request-id.ts'

export type AuditTrail = {
  /** Notes what a request did, or was refused to do, once it is answered. */
  follow: (request: Request, response: Response, caller: Identity) => void
  /**
   * The same of somebody without an account who came by a share link, reading too. What one address does again within a minute
   * with the same outcome, as players and downloads in pieces do, is noted once.
   */
  followVisitor: (request: Request, response: Response) => void
  /** Resolves when all that was noted is in the ledger, or cannot be brought there. */
  close: () => Promise<void>
}

const flushAfterMs = 100
const tryAgainAfterMs = 1000
/** So many entries wait in memory for a ledger that is away; beyond it the oldest are written to the log instead. */
const mostWaiting = 20_000
const mostAtOnce = 1000
/** Visitors of share links come again and again for one thing. */
const repeatedWithinMs = 60_000
const mostRemembered = 10_000

/**
 * The record of who did what. Entries are written in groups a moment after their requests were answered, so that no request
 * waits for it; a process that is killed takes the last tenth of a second with it. Reading is not recorded, nor are chunks:
 * there are too many of either to tell anything.
 */
export function createAuditTrail({ sql, log }: { sql: Sql; log: Log }): AuditTrail {
  let waiting: AuditEntry[] = []
  let flushing = Promise.resolve()
  let timer: NodeJS.Timeout | undefined

  const repeated = new Recent(repeatedWithinMs, mostRemembered)
  const flush = async (): Promise<void> => {
    while (waiting.length > 0) {
      const entries = waiting.splice(0, mostAtOnce)
      try {
        await insertAuditEntries(sql, entries)
      } catch (error) {
        waiting = [...entries, ...waiting]
        throw error
      }
    }
  }
  const flushLater = (delayMs: number): void => {
    timer ??= setTimeout(() => {
      timer = undefined
      // One after the other: an insert may take longer than until the next one is due.
      flushing = flushing.then(flush).catch((error: unknown) => {
        log.warn({ err: error, waiting: waiting.length }, 'the audit trail cannot be written; it is tried again')
        flushLater(tryAgainAfterMs)
      })
    }, delayMs)
  }
  const add = (entry: AuditEntry): void => {
    waiting.push(entry)
    if (waiting.length > mostWaiting) log.error({ audit: waiting.shift() }, 'an audit entry went to the log alone')
    flushLater(flushAfterMs)
  }
  return {
    follow: (request, response, caller) => {
      if (request.method === 'GET' || request.method === 'HEAD') return
      const asked = whatIsAsked(request, caller)
      response.once('close', () => {
        const entry = { ...asked, ...whatCameOfIt(asked.thingIds, response) }
        add(entry)
        if (response.statusCode < 400) for (const action of alsoDoneBy(response)) add({ ...entry, action })
      })
    },
    followVisitor: (request, response) => {
      const asked = whatIsAsked(request, undefined)
      response.once('close', () => {
        const entry = { ...asked, ...whatCameOfIt(asked.thingIds, response) }
        if (repeated.isNew(`${entry.address} ${entry.action} ${entry.thingIds.join(' ')} ${entry.code ?? ''}`))
          add(entry)
      })
    },
    close: async () => {
      clearTimeout(timer)
      await flushing
      await flush().catch(() => {
        for (const entry of waiting) log.error({ audit: entry }, 'an audit entry went to the log alone')
      })
    },
  }
}

/** Looked at while the route is at it: once an error has left it, Express has forgotten which it was. */
function whatIsAsked(request: Request, caller: Identity | undefined) {
  const route: unknown = request.route
  const path = typeof route === 'object' && route !== null && 'path' in route ? route.path : undefined
  const place = request.baseUrl.replace(/^\/(api|drive)/, '')
  return {
    accountId: caller?.account ?? null,
    isAdmin: caller?.admin ?? false,
    action: `${request.method} ${place}${typeof path === 'string' && path !== '/' ? path : ''}`,
    // A share link's slug lets whoever reads it in.
    thingIds: Object.entries(request.params).flatMap(([name, value]) => (name === 'slug' ? [] : [String(value)])),
    address: request.ip ?? '',
  }
}

function whatCameOfIt(thingIds: readonly string[], response: Response) {
  return {
    at: new Date(),
    thingIds: [...thingIds, ...madeBy(response)],
    status: response.statusCode,
    code: typeof response.locals['code'] === 'string' ? response.locals['code'] : null,
    requestId: requestIdOf(response),
  }
}

/** What a request did beside what its route says, for an entry of its own in the audit trail. */
export function noteAlso(response: Response, ...actions: string[]): void {
  response.locals['alsoDone'] = [...alsoDoneBy(response), ...actions]
}

function alsoDoneBy(response: Response): string[] {
  const done: unknown = response.locals['alsoDone']
  return Array.isArray(done) ? done.map(String) : []
}

/** The id of what a request made or was about, for the audit trail. */
export function noteMade(response: Response, ...thingIds: string[]): void {
  response.locals['made'] = [...madeBy(response), ...thingIds]
}

function madeBy(response: Response): string[] {
  const made: unknown = response.locals['made']
  return Array.isArray(made) ? made.map(String) : []
}
