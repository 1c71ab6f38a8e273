import { connect, createServer } from 'node:net'
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { isDriversOwn } from '../src/process.ts'

/** An error of a connection that its server has reset. */
async function reset(): Promise<Error> {
  const server = createServer((socket) => socket.once('data', () => socket.resetAndDestroy())).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const socket = connect(typeof address === 'object' && address ? address.port : 0, '127.0.0.1', () =>
    socket.write('x'),
  )
  const failed = new Promise<Error>((resolve) => socket.once('error', resolve))
  return failed.finally(() => server.close())
}

describe('an error that nobody catches', () => {
  it('ends no process when it is of a connection whose server went away under the driver itself', async () => {
    const error = await reset()
    expect(error).toMatchObject({ code: 'ECONNRESET' })
    expect(isDriversOwn(error)).toBe(true)
  })

  it('ends it when it is of something that we asked, or of no connection', async () => {
    const ours = await reset()
    ours.stack +=
      '\n    at sql (file:///app/node_modules/postgres/src/index.js:112:11)\n    at find (file:///app/dist/src/db/x.js:1:1)'
    expect(isDriversOwn(ours)).toBe(false)
    expect(isDriversOwn(new TypeError('not a function'))).toBe(false)
    expect(
      isDriversOwn(Object.assign(new Error('no such file'), { code: 'ENOENT', stack: 'Error\n    at node:fs:1:1' })),
    ).toBe(false)
  })
})
