import { Server, type Socket } from 'socket.io'
import type { Log } from '../log.ts'
import type { SignedIn } from './admission.ts'
import { createFloodGate } from './flood.ts'
import { handshakeToken } from './handshake.ts'
import type { Outlet } from './outlet.ts'
import { admitAt, type Door, type DoorOptions } from './door.ts'
import { notice, type Packet } from './packet.ts'
import { refusalOf } from './refusal.ts'
import type { Answer, Reply, Session } from './session.ts'

/**
 * Serves Socket.IO on `/socket.io` of an HTTP server that already has its request handler. Whoever connects is let in by
 * the token of the handshake, which may also name the first `rooms`.
 */
export function openSocketIo(options: DoorOptions): Door {
  const { httpServer, guard, openSession, limits, log } = options
  let closing = false
  const io = new Server(httpServer, {
    serveClient: false,
    maxHttpBufferSize: limits.maxMessageBytes,
    connectTimeout: 2 * limits.signInWithinMs,
    destroyUpgrade: false,
    allowRequest: (request, decide) => {
      const refusal = closing ? 'shutting down' : guard.against(request)?.code
      decide(refusal ?? null, refusal === undefined)
    },
  })
  limitPackets(io, limits.maxMessagesPerSecond, log)
  const admitted = new WeakMap<Socket, SignedIn>()
  const letIn = async (socket: Socket, next: (refusal?: Error) => void): Promise<void> => {
    try {
      admitted.set(socket, await admitAt(options, socket.request, handshakeToken(socket.handshake)))
    } catch (error) {
      const data = refusalOf(error, log)
      return next(Object.assign(new Error(data.message), { data }))
    }
    next()
  }
  io.use((socket, next) => void letIn(socket, next))
  io.on('connection', (socket) => {
    const signedIn = admitted.get(socket)
    if (signedIn === undefined) return socket.disconnect(true)
    return serve(socket, openSession(signedIn, outletOf(socket, limits.maxBacklogBytes)))
  })
  return {
    drop: () => {
      for (const socket of io.sockets.sockets.values()) socket.conn.close(true)
    },
    close: () => {
      closing = true
      io.engine.close()
    },
  }
}

function serve(socket: Socket, session: Session): void {
  socket.on('disconnect', () => session.close())
  socket.on('subscribe', (...args: unknown[]) => session.subscribe(args[0], replyOf(args)))
  socket.on('unsubscribe', (...args: unknown[]) => session.unsubscribe(args[0], replyOf(args)))
  socket.on('auth', (...args: unknown[]) => session.renew(tokenIn(args[0]), replyOf(args)))
  session.enterInitial('rooms' in socket.handshake.auth ? socket.handshake.auth['rooms'] : undefined)
}

function outletOf(socket: Socket, maxBacklogBytes: number): Outlet {
  const { conn } = socket
  // What was handed over since the last flush waits for the connection to take what was flushed then.
  let waitingBytes = 0
  conn.on('flush', () => {
    waitingBytes = 0
  })
  const send = (packet: Packet): void => {
    const text = encode(packet)
    waitingBytes += text.length
    conn.write(text)
  }
  return {
    send,
    fill: () => waitingBytes / maxBacklogBytes,
    isOpen: () => socket.connected,
    end: (why) => {
      send(notice('closing', why))
      socket.disconnect(true)
    },
  }
}

const encoded = new WeakMap<Packet, string>()

/**
 * A packet as Socket.IO puts an event on the line (protocol 5: type 2, then JSON), made once for all who get it. Socket.IO
 * itself would encode it anew for each of them.
 */
function encode(packet: Packet): string {
  const known = encoded.get(packet)
  if (known !== undefined) return known
  const { type, data, after } = packet
  const text = `2${JSON.stringify(after === undefined ? [type, data] : [type, data, { after }])}`
  encoded.set(packet, text)
  return text
}

function replyOf(args: unknown[]): Reply {
  const acknowledge = args.at(-1)
  return isFunction(acknowledge) ? acknowledge : () => {}
}

function isFunction(value: unknown): value is (said: Answer) => void {
  return typeof value === 'function'
}

function tokenIn(request: unknown): unknown {
  return typeof request === 'object' && request !== null && 'token' in request ? request.token : undefined
}

/**
 * Disconnects a client that floods us, let in or not. A client that was let in is told to go, so that it does not come back
 * by itself.
 */
function limitPackets(io: Server, maxPerSecond: number, log: Log): void {
  io.engine.on('connection', (connection: Socket['conn']) => {
    const isFlooding = createFloodGate(maxPerSecond)
    connection.on('packet', () => {
      if (!isFlooding()) return
      const socket = [...io.sockets.sockets.values()].find((candidate) => candidate.conn === connection)
      log.warn({ socket: socket?.id }, 'a client sent too many packets and is disconnected')
      if (socket === undefined) connection.close(true)
      else socket.disconnect(true)
    })
  })
}
