import type { Server as HttpServer } from 'node:http'
import { Server, type Socket } from 'socket.io'
import type { Sql } from '../db/connect.ts'
import type { FeedEvent } from '../db/event-feed.ts'
import type { Signals } from '../db/signals.ts'
import { AppError } from '../errors.ts'
import type { Log } from '../log.ts'
import { followEvents } from './event-tail.ts'
import { limitPackets } from './flood.ts'
import { handshakeToken } from './handshake.ts'
import { createProgressFilter } from './progress-filter.ts'
import { refusalOf } from './refusal.ts'
import { accountRoom, type FindTaskOwner, serveRooms, taskRoom } from './rooms.ts'

export type Authenticate = (token: string | undefined) => Promise<{ account: string; expiresAt: Date | undefined }>

export type SocketsOptions = {
  httpServer: HttpServer
  authenticate: Authenticate
  findTaskOwner: FindTaskOwner
  signals: Pick<Signals, 'on'>
  sql: Sql
  log: Log
  /** How many rooms one socket may be in; 1,000 unless said otherwise. */
  maxRooms?: number
}

type Caller = Awaited<ReturnType<Authenticate>>

const maxMessageBytes = 64 * 1024
const joinWithinMs = 10_000
const maxTimerMs = 2 ** 31 - 1

/**
 * Serves Socket.IO on `/socket.io` of an HTTP server that already has its request handler. Whoever connects is let in by
 * the token of the handshake and sees the events and the progress of the account's tasks, each once per socket, until the
 * token expires. Closing drops every connection in a way that makes clients come back to another node by themselves,
 * refuses new ones, and leaves the HTTP server open.
 */
export function attachSockets(options: SocketsOptions): { close: () => void } {
  let closing = false
  const io = new Server(options.httpServer, {
    serveClient: false,
    maxHttpBufferSize: maxMessageBytes,
    connectTimeout: joinWithinMs,
    allowRequest: (_request, decide) => decide(closing ? 'shutting down' : null, !closing),
  })
  limitPackets(io, options.log)
  const broadcast = startBroadcast(io, options)
  const callers = new WeakMap<Socket, Caller>()
  const letIn = async (socket: Socket, next: (refusal?: Error) => void): Promise<void> => {
    try {
      callers.set(socket, await admit(socket, options.authenticate))
      await broadcast.started
    } catch (error) {
      const data = refusalOf(error, options.log)
      return next(Object.assign(new Error(data.message), { data }))
    }
    next()
  }
  io.use((socket, next) => void letIn(socket, next))
  io.on('connection', (socket) => {
    const caller = callers.get(socket)
    if (caller === undefined) return socket.disconnect(true)
    const { findTaskOwner, maxRooms = 1_000, log } = options
    serveRooms(socket, { account: caller.account, findTaskOwner, maxRooms, log })
    return disconnectAt(socket, caller.expiresAt)
  })
  return {
    close: () => {
      closing = true
      broadcast.close()
      io.engine.close()
    },
  }
}

async function admit(socket: Socket, authenticate: Authenticate): Promise<Caller> {
  const caller = await authenticate(handshakeToken(socket.handshake))
  // A check that tolerates clock skew may pass what would have to be disconnected at once.
  if (caller.expiresAt !== undefined && caller.expiresAt.getTime() <= Date.now()) {
    throw new AppError('TOKEN_EXPIRED', 'The token has expired.')
  }
  return caller
}

/** Emits durable events and progress to the rooms they belong to. */
function startBroadcast(
  io: Server,
  { sql, signals, log }: SocketsOptions,
): { started: Promise<void>; close: () => void } {
  const filter = createProgressFilter()
  const tail = followEvents({
    sql,
    signals,
    log,
    onEvents: (events) => {
      for (const event of events) {
        filter.note(event)
        emitEvent(io, event)
      }
    },
  })
  const stopProgress = signals.on('progress', (progress) => {
    if (filter.accepts(progress)) emit(io, progress, progress.event.type, progress.event.data)
  })
  return {
    started: tail.started,
    close: () => {
      stopProgress()
      tail.close()
    },
  }
}

function emitEvent(io: Server, event: FeedEvent): void {
  // Stored with the end, so that whoever saw the last of the progress lost sees it complete all the same.
  const { lastProgress, ...data } = event.data
  if (typeof lastProgress === 'object' && lastProgress !== null) {
    emit(io, event, event.type.startsWith('upload.') ? 'upload.progress' : 'task.progress', lastProgress)
  }
  emit(io, event, event.type, { ...data, seq: event.seq })
}

function emit(
  io: Server,
  { accountId, taskId }: { accountId: string; taskId: string },
  type: string,
  data: object,
): void {
  const rooms = [accountRoom(accountId), taskRoom(taskId)]
  // Encoding costs, and most tasks are watched on another node or on none.
  if (rooms.some((room) => io.sockets.adapter.rooms.has(room))) io.to(rooms).emit(type, data)
}

function disconnectAt(socket: Socket, moment: Date | undefined): void {
  if (moment === undefined) return
  let timer: NodeJS.Timeout
  const arm = () => {
    const restMs = moment.getTime() - Date.now()
    // A longer timeout would overflow and fire at once.
    timer = restMs > maxTimerMs ? setTimeout(arm, maxTimerMs) : setTimeout(() => socket.disconnect(true), restMs)
  }
  arm()
  socket.on('disconnect', () => clearTimeout(timer))
}
