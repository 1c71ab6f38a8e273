import { io } from 'socket.io-client'
import { WebSocket } from 'ws'
import { z } from 'zod'
import type { Journal } from './journal.ts'

export type Visit = {
  url: string
  token: string
  room: string
  journal: Journal
  /** Fires when the client goes, whatever is on its way to it. */
  leave: AbortSignal
}

/** Connects, asks for the room from where the journal is, and takes what comes. Resolves when the connection is over. */
export type Door = (visit: Visit) => Promise<void>

const fields = z.record(z.string(), z.unknown())
const cursor = z.object({ after: z.string() })

/** Names the room as it connects. */
export const bySocketIo: Door = ({ url, token, room, journal, leave }) => {
  const { after } = journal
  return overSocketIo({ url, journal, leave, room, auth: { token, rooms: [{ room, after }] } })
}

/** Connects to no room, and asks then. */
export const bySubscribing: Door = ({ url, token, room, journal, leave }) =>
  overSocketIo({ url, journal, leave, room, auth: { token, rooms: [] }, subscribes: true })

type Opening = Omit<Visit, 'token'> & { auth: object; subscribes?: boolean }

function overSocketIo({ url, journal, leave, room, auth, subscribes }: Opening): Promise<void> {
  const socket = io(url, { transports: ['websocket'], forceNew: true, reconnection: false, timeout: 5000, auth })
  const subscribe = (): void => {
    socket.emit('subscribe', { room, after: journal.after, snapshot: false }, (answer: unknown) =>
      journal.answered(fields.parse(answer)),
    )
  }
  if (subscribes) socket.on('connect', subscribe)
  socket.onAny((type: string, data: unknown, beside: unknown) => {
    const said = fields.parse(data)
    if (type === 'subscribed') journal.answered(said)
    else if (type === 'missed') {
      journal.after = cursor.parse(said).after
      subscribe()
    } else if (type === 'unsubscribed') journal.complaints.push(`was sent away: ${JSON.stringify(said)}`)
    else journal.note(type, said, cursor.safeParse(beside).data?.after)
  })
  return new Promise((resolve) => {
    const end = (): void => {
      // Nothing that is still on its way counts: the client is gone.
      socket.offAny()
      socket.disconnect()
      resolve()
    }
    socket.once('connect_error', end)
    socket.once('disconnect', end)
    leave.addEventListener('abort', end, { once: true })
  })
}

const packet = z.object({ type: z.string(), data: z.unknown(), after: z.string().optional() })

/** The plain WebSocket. */
export const byWebSocket: Door = ({ url, token, room, journal, leave }) => {
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/ws`, { handshakeTimeout: 5000 })
  const send = (said: unknown): void => socket.send(JSON.stringify(said))
  const { after } = journal
  socket.on('open', () => send({ type: 'auth', token, rooms: [{ room, after }] }))
  socket.on('message', (bytes: Buffer) => {
    if (leave.aborted) return
    const { type, data, after: place } = packet.parse(JSON.parse(bytes.toString('utf8')))
    if (type === 'subscribed') journal.answered(fields.parse(data))
    else if (type === 'missed') {
      journal.after = cursor.parse(data).after
      send({ type: 'subscribe', data: { room, after: journal.after, snapshot: false } })
    } else if (type === 'unsubscribed' || type === 'error') journal.complaints.push(`was told ${JSON.stringify(data)}`)
    else journal.note(type, fields.parse(data ?? {}), place)
  })
  return new Promise((resolve) => {
    // "close" follows.
    socket.on('error', () => {})
    socket.once('close', () => resolve())
    leave.addEventListener('abort', () => socket.terminate(), { once: true })
  })
}
