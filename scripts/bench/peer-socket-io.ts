import { createServer } from 'node:http'
import { Server } from 'socket.io'
import { announce } from './announce.ts'

/** Emits one event to everybody who is connected, each time it is asked to. */
const server = createServer((_request, response) => {
  io.emit('task.started', { taskId: '550e8400-e29b-41d4-a716-446655440000', seq: 1 })
  response.end()
})
const io = new Server(server)
announce(server)
