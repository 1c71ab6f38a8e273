import { writev } from 'node:fs'
import { open } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { announce } from './announce.ts'

const joinBytes = 256 * 1024

// The least that a Node server can do which keeps what it is sent: each body goes to the offset that its path names, in
// one file, joined to 256 KiB a write. No checksum, no form, no database, and nothing is checked.
const file = await open(join(process.env['DATA_DIR'] ?? '.', 'pieces'), 'w')
announce(createServer(keep))

function keep(request: IncomingMessage, response: ServerResponse): void {
  let atBytes = Number(request.url?.slice(1))
  let pieces: Buffer[] = []
  let pendingBytes = 0
  let isWriting = false
  request.on('data', (piece: Buffer) => {
    pieces.push(piece)
    pendingBytes += piece.length
    if (pendingBytes < joinBytes) return
    if (isWriting) request.pause()
    else write()
  })
  request.once('end', () => {
    if (!isWriting) write()
  })

  function write(): void {
    const [joined, lengthBytes] = [pieces, pendingBytes]
    pieces = []
    pendingBytes = 0
    if (lengthBytes === 0) {
      response.end()
      return
    }
    isWriting = true
    writev(file.fd, joined, atBytes, (error, writtenBytes) => {
      isWriting = false
      if (error !== null || writtenBytes !== lengthBytes) {
        response.destroy(error ?? new Error('a write was cut short'))
        return
      }
      if (pendingBytes >= joinBytes || request.readableEnded) write()
      request.resume()
    })
    atBytes += lengthBytes
  }
}
