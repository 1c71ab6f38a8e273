import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

export type Relay = {
  /** The database's URL by way of this relay. */
  url: string
  /** Lets what the database says to those who listen get lost, and again not. Connections stay open. */
  mute: (isMuted: boolean) => void
  close: () => Promise<void>
}

/** A TCP relay to a database, as a network is on which messages may get lost without a word. */
export async function openRelay(databaseUrl: string): Promise<Relay> {
  const target = new URL(databaseUrl)
  const sockets = new Set<Socket>()
  let isMuted = false
  const server = createServer((near) => {
    let listens = false
    // Who connects tells its name in its first message.
    near.once('data', (piece) => {
      listens = piece.includes('longshore signals')
    })
    const far = connect(Number(target.port || 5432), target.hostname)
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket)
      socket.on('data', (piece) => {
        if (socket === near || !listens || !isMuted) other.write(piece)
      })
      socket.on('error', () => other.destroy())
      socket.on('close', () => {
        other.destroy()
        sockets.delete(socket)
      })
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    url: Object.assign(new URL(databaseUrl), { hostname: '127.0.0.1', port: String(port) }).href,
    mute: (wanted) => {
      isMuted = wanted
    },
    close: async () => {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
