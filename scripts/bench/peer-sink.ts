import { createServer } from 'node:http'
import { announce } from './announce.ts'

const server = createServer((request, response) => {
  request.resume()
  request.once('end', () => response.end())
})
announce(server)
