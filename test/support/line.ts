import { connect, createServer, type Socket } from 'node:net'

export type Line = {
  /** The database's URL by way of this line. */
  url: string
  /** Drops every connection and refuses new ones. */
  cut: () => Promise<void>
  /** Takes connections again, at the same address. */
  mend: () => Promise<void>
}

/** Opens a TCP line to a database that can be cut and mended, as when a network or a server goes away. */
export async function openLine(databaseUrl: string): Promise<Line> {
  const target = new URL(databaseUrl)
  const sockets = new Set<Socket>()
  const accept = (near: Socket) => join(near, connect(Number(target.port || 5432), target.hostname), sockets)
  let server = createServer(accept)
  let port = 0
  const mend = async () => {
    server = createServer(accept)
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
    const address = server.address()
    if (typeof address === 'object' && address !== null) port = address.port
  }
  await mend()
  const url = new URL(databaseUrl)
  url.host = `127.0.0.1:${port}`
  return {
    url: url.href,
    mend,
    cut: async () => {
      const closed = new Promise((resolve) => server.close(resolve))
      for (const socket of sockets) socket.destroy()
      sockets.clear()
      await closed
    },
  }
}

function join(near: Socket, far: Socket, sockets: Set<Socket>): void {
  const ends = [
    [near, far],
    [far, near],
  ] as const
  for (const [socket, other] of ends) {
    sockets.add(socket)
    socket.pipe(other)
    socket.on('error', () => other.destroy())
    socket.on('close', () => {
      other.destroy()
      sockets.delete(socket)
    })
  }
}
