import { io } from 'socket.io-client'
import { WebSocket } from 'ws'

type Headers = Record<string, string>

/** Brings a wrong token to `/ws`. Answers with which code that was refused, or the connection itself. */
export function knockPlainly(url: string, headers: Headers): Promise<string> {
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/ws`, { headers })
  return new Promise((resolve, reject) => {
    socket.once('open', () => socket.send(JSON.stringify({ type: 'auth', token: 'wrong' })))
    socket.once('message', (data: Buffer) => resolve(JSON.parse(data.toString('utf8')).data.code))
    socket.once('unexpected-response', (_request, response) => {
      response.setEncoding('utf8').once('data', (text: string) => resolve(JSON.parse(text).code))
    })
    socket.once('error', reject)
  })
}

/** The same over Socket.IO, whose client does not tell why a connection was refused: that is asked first. */
export async function knockWithSocketIo(url: string, headers: Headers): Promise<string> {
  const handshake = await fetch(`${url}/socket.io/?EIO=4&transport=polling`, { headers })
  if (!handshake.ok) return Object(await handshake.json()).message
  const socket = io(url, {
    transports: ['websocket'],
    extraHeaders: headers,
    auth: { token: 'wrong' },
    reconnection: false,
  })
  return new Promise((resolve) => {
    socket.once('connect', () => resolve('let in'))
    socket.once('connect_error', (error) => resolve('data' in error ? Object(error.data).code : error.message))
  })
}
