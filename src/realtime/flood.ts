import type { Server, Socket } from 'socket.io'
import type { Log } from '../log.ts'

const maxPacketsPerSecond = 100
const windowMs = 1_000

/**
 * Disconnects a client that sends more than 100 packets within a second, let in or not. A client that was let in is told
 * to go, so that it does not come back by itself.
 */
export function limitPackets(io: Server, log: Log): void {
  io.engine.on('connection', (connection: Connection) => {
    let windowEndsAt = 0
    let packets = 0
    connection.on('packet', () => {
      if (Date.now() >= windowEndsAt) {
        windowEndsAt = Date.now() + windowMs
        packets = 0
      }
      packets += 1
      if (packets === maxPacketsPerSecond + 1) evict(io, connection, log)
    })
  })
}

type Connection = Socket['conn']

function evict(io: Server, connection: Connection, log: Log): void {
  const socket = [...io.sockets.sockets.values()].find((candidate) => candidate.conn === connection)
  log.warn({ socket: socket?.id }, 'a client sent too many packets and is disconnected')
  if (socket === undefined) connection.close(true)
  else socket.disconnect(true)
}
