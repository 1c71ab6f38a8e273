import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingHttpHeaders, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import express, { type NextFunction, type Request, type Response } from 'express'
import { expect } from 'vitest'
import { AppError } from '../../src/errors.ts'
import { type Content, sendContent } from '../../src/http/content.ts'

export const bytes = randomBytes(3 * 1024 * 1024 + 17)
export const etag = `"${createHash('sha256').update(bytes).digest('hex')}"`
export const changed = 'Sun, 06 Nov 1994 08:49:37 GMT'

export type Answer = { status: number; headers: IncomingHttpHeaders; body: Buffer; complete: boolean }

/** An Express server on a free port that serves one file, out of a real one on disk, at `/file`. */
export async function openContentServer() {
  const folder = await mkdtemp(join(tmpdir(), 'content-'))
  await writeFile(join(folder, 'object'), bytes)
  const state = freshState(folder)
  const server = createServer(contentApp(state)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    folder,
    port,
    server,
    state,
    ask: (headers: Record<string, string> = {}, method = 'GET') => ask(port, headers, method),
    /** Forgets what was asked before and serves the file as it was at first. */
    reset: () => Object.assign(state, freshState(folder)),
    close: async () => {
      server.closeAllConnections()
      server.close()
      await rm(folder, { recursive: true })
    },
  }
}

export type ContentServer = Awaited<ReturnType<typeof openContentServer>>

type State = {
  content: Content
  /** Every stream that `content.read` gave, or a test's own `read` added. */
  opened: Readable[]
  /** What `sendContent` of each request came to: its error, or undefined. */
  outcomes: unknown[]
}

function freshState(folder: string): State {
  const opened: Readable[] = []
  const content: Content = {
    name: 'Отчёт "final".bin',
    contentType: 'video/mp4',
    disposition: 'attachment',
    sizeBytes: bytes.length,
    sha256: createHash('sha256').update(bytes).digest(),
    lastModified: new Date(Date.parse(changed) + 345),
    read: async ({ startBytes, lengthBytes }) => {
      const range = { start: startBytes, end: startBytes + lengthBytes - 1, highWaterMark: 1024 * 1024 }
      const source = createReadStream(join(folder, 'object'), range)
      opened.push(source)
      return source
    },
  }
  return { content, opened, outcomes: [] }
}

function contentApp(state: State) {
  const app = express()
  app.all('/file', async (req, res) => {
    // An answer may end for its client a moment before it ends here, when the next test has begun.
    const { outcomes } = state
    try {
      await sendContent(req, res, state.content)
      outcomes.push(undefined)
    } catch (error) {
      outcomes.push(error)
      throw error
    }
  })
  app.use((error: unknown, _req: Request, res: Response, _next: NextFunction) => {
    if (res.headersSent || !(error instanceof AppError)) return
    res.status(error.status).json({ code: error.code, details: error.details })
  })
  return app
}

/** One request on a connection of its own; a torn body is an answer that is not complete. */
function ask(port: number, headers: Record<string, string>, method: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path: '/file', method, headers, agent: false }, (res) => {
      const pieces: Buffer[] = []
      res.on('data', (piece: Buffer) => pieces.push(piece))
      res.on('error', () => {})
      res.on('close', () => {
        const body = Buffer.concat(pieces)
        resolve({ status: res.statusCode ?? 0, headers: res.headers, body, complete: res.complete })
      })
    })
    asked.on('error', reject)
    asked.end()
  })
}

/** Big buffers are compared by hand: a failed `toEqual` of megabytes takes minutes to print. */
export function expectBytes(actual: Buffer, expected: Buffer): void {
  expect([actual.length, actual.equals(expected)]).toEqual([expected.length, true])
}
