import type { Server as HttpServer, ServerResponse } from 'node:http'
import type { Sql } from '../db/connect.ts'
import type { Signals } from '../db/signals.ts'
import type { Log } from '../log.ts'
import { type Meters, noMeters } from '../metrics/meters.ts'
import { type Backlog, followBacklog } from '../tasks/backlog.ts'
import { startAdminFeed } from './admin-feed.ts'
import type { Authenticate, SignedIn } from './admission.ts'
import type { Door, DoorLimits, Guard } from './door.ts'
import { followEvents } from './event-tail.ts'
import { Hub } from './hub.ts'
import type { Outlet } from './outlet.ts'
import { type Presence, untold } from './presence.ts'
import { Session, type SessionLimits } from './session.ts'
import { openSocketIo } from './socket-io.ts'
import { type StreamRequest, streamTask } from './task-stream.ts'
import { openWebSocket } from './web-socket.ts'

export type RealtimeOptions = {
  authenticate: Authenticate
  signals: Pick<Signals, 'on'>
  sql: Sql
  log: Log
  limits: SessionLimits & DoorLimits
  /** Told of which accounts somebody is connected. */
  presence?: Pick<Presence, 'enter'>
  meters?: Pick<Meters, 'eventLag'>
  backlog?: Backlog
}

export type Realtime = {
  /** Sends a task's events over HTTP as they come; see streamTask. */
  streamTask: (request: StreamRequest, response: ServerResponse) => Promise<void>
  /** Opens the doors on an HTTP server that already has its request handler; it is left open by closing. */
  attach: (httpServer: HttpServer, guard?: Guard) => void
  /** Drops every connection in a way that makes clients come back by themselves, refuses new ones, and tells no more. */
  close: () => void
}

const nothingAgainst: Guard = { against: () => undefined, stranger: () => {} }

/**
 * Serves everybody who watches: follows the ledger's events and hands them, and the progress that is signalled, to the
 * clients of this process.
 */
export async function openRealtime(options: RealtimeOptions): Promise<Realtime> {
  const { authenticate, signals, sql, log, limits, presence = untold, meters = noMeters } = options
  const { backlog = followBacklog(sql) } = options
  const tail = followEvents({
    sql,
    signals,
    log,
    onBatch: (batch) => hub.publish(batch),
    onReset: (batch) => reset(batch),
    isHeard: () => hub.isHeard,
    onLag: meters.eventLag,
  })
  const hub = new Hub(await tail.started)
  const openSession = (signedIn: SignedIn, outlet: Outlet): Session =>
    new Session({ hub, sql, authenticate, limits, presence, backlog, log }, signedIn, outlet)
  const doors: Door[] = []
  const streams = new Set<ServerResponse>()
  const endStreams = (): void => {
    for (const response of streams) response.end()
  }
  const reset = (batch: Parameters<Hub['publish']>[0]): void => {
    log.warn('the ledger was replaced by another one; every client comes back and asks')
    hub.publish(batch)
    for (const door of doors) door.drop()
    endStreams()
  }
  const stopProgress = signals.on('progress', (progress) => hub.publishProgress(progress))
  const adminFeed = startAdminFeed({ hub, sql, backlog, log })
  return {
    attach: (httpServer, guard = nothingAgainst) => {
      const doorOptions = { httpServer, guard, authenticate, openSession, limits, log }
      doors.push(openSocketIo(doorOptions), openWebSocket(doorOptions))
    },
    streamTask: async (request, response) => {
      streams.add(response)
      const leave = presence.enter(request.caller.account)
      try {
        await streamTask({ hub, sql, ...limits, log }, request, response)
      } finally {
        streams.delete(response)
        leave()
      }
    },
    close: () => {
      adminFeed.close()
      stopProgress()
      tail.close()
      for (const door of doors) door.close()
      endStreams()
    },
  }
}
