import { createHash } from 'node:crypto'
import { realpath, rm, stat } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemCode } from '../errors.ts'

/**
 * Claims a folder for this process and answers a function that gives it back, or undefined when another process has it.
 * The claim is a listening socket and not a file, so it ends with its holder, however that dies.
 */
export async function lockFolder(folder: string): Promise<(() => void) | undefined> {
  const address = await socketAddress(folder)
  const first = await tryListen(address)
  if (first !== undefined || process.platform === 'linux' || (await isAnswered(address))) return first
  await rm(address, { force: true })
  return tryListen(address)
}

/** Named by the folder's inode, so that every path to it means the same lock. */
async function socketAddress(folder: string): Promise<string> {
  const { dev, ino } = await stat(await realpath(folder), { bigint: true })
  const name = `longshore-${createHash('sha256').update(`${dev}:${ino}`).digest('hex').slice(0, 24)}`
  // Linux has a name space for sockets that leaves no file behind.
  return process.platform === 'linux' ? `\0${name}` : join(tmpdir(), `${name}.sock`)
}

function tryListen(address: string): Promise<(() => void) | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((connection) => connection.destroy())
    server.once('error', (error) => (systemCode(error) === 'EADDRINUSE' ? resolve(undefined) : reject(error)))
    server.listen(address, () => {
      server.unref()
      resolve(() => void server.close())
    })
  })
}

function isAnswered(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = connect(address)
    connection.once('connect', () => resolve(true))
    connection.once('error', () => resolve(false))
    connection.once('close', () => connection.destroy())
  })
}
