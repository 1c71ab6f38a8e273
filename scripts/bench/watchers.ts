import { io, type Socket } from 'socket.io-client'
import { signToken } from '../../src/auth/token.ts'
import type { OurStack } from './our-stack.ts'

/** A client of one account's room. */
export type Watcher = {
  socket: Socket
  /** The cursor that it was given as it entered the room. */
  after: string
  /** How often it was told of a start. */
  events: () => number
}

const options = { transports: ['websocket'], forceNew: true, reconnection: false }

/** Connects a client of ours, from a cursor when one is given; resolves when it is in its account's room. */
export async function watch({ url, secret }: OurStack, account: string, after?: string): Promise<Watcher> {
  const token = await signToken(secret, { account, admin: false, expiresInSeconds: 3600 })
  const rooms = [{ room: `account:${account}`, ...(after === undefined ? {} : { after }) }]
  const socket = io(url, { ...options, auth: { token, rooms } })
  let events = 0
  socket.on('task.started', () => {
    events += 1
  })
  const given = await new Promise<{ after: string }>((resolve, reject) => {
    socket.once('subscribed', resolve)
    socket.once('connect_error', reject)
  })
  return { socket, after: given.after, events: () => events }
}

/** Connects a client of a bare Socket.IO server. */
export async function watchBare(url: string): Promise<Pick<Watcher, 'socket'>> {
  const socket = io(url, options)
  await new Promise((resolve, reject) => {
    socket.once('connect', () => resolve(undefined))
    socket.once('connect_error', reject)
  })
  return { socket }
}
