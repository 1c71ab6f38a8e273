import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { afterAll } from 'vitest'

/** What is asked of a store: `begin`, `part`, `complete`, `put` and `copy` are what S3 calls by longer names. */
export type Asked = { what: string; headers: IncomingHttpHeaders; query: URLSearchParams; body: Buffer }
export type Canned = { status: number; headers?: Record<string, string>; body?: string }

export type CannedStore = {
  endpoint: string
  asked: Asked[]
  /** What is answered instead of yes; several are answered one after the other, the last of them from then on. */
  refuse: (what: string, ...answers: Canned[]) => void
  /** Forgets what it was asked and told. */
  reset: () => void
}

/** An error in S3's words. */
export function errorBody(code: string, message: string): string {
  return `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`
}

const yes = new Map<string, Canned>([
  [
    'begin',
    { status: 200, body: '<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>' },
  ],
  [
    'complete',
    { status: 200, body: '<CompleteMultipartUploadResult><ETag>"e"</ETag></CompleteMultipartUploadResult>' },
  ],
  ['copy', { status: 200, body: '<CopyObjectResult><ETag>"e"</ETag></CopyObjectResult>' }],
  ['DELETE', { status: 204 }],
])

/**
 * A store that keeps nothing, says yes and remembers what it was asked: for settings that no store at hand understands, and
 * for answers that only AWS gives. An object is as large as the copy that was made last.
 */
export async function startCannedStore(): Promise<CannedStore> {
  const asked: Asked[] = []
  const refusals = new Map<string, Canned[]>()
  const server = createServer((request, response) => {
    const { searchParams } = new URL(request.url ?? '/', 'http://any')
    const what = nameOf(request.method ?? '', searchParams, request.headers)
    void buffer(request).then((body) => {
      asked.push({ what, headers: request.headers, query: searchParams, body })
      const { status, headers, body: said = '' } = turnOf(refusals.get(what)) ?? yes.get(what) ?? { status: 200 }
      response.writeHead(status, { etag: '"e"', ...headers }).end(said)
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  afterAll(() => {
    server.close()
    server.closeAllConnections()
  })
  return {
    endpoint: `http://127.0.0.1:${Object(server.address()).port}`,
    asked,
    refuse: (what, ...answers) => void refusals.set(what, answers),
    reset: () => {
      asked.length = 0
      refusals.clear()
    },
  }
}

function turnOf(answers: Canned[] | undefined): Canned | undefined {
  return answers && answers.length > 1 ? answers.shift() : answers?.[0]
}

function nameOf(method: string, query: URLSearchParams, headers: IncomingHttpHeaders): string {
  if (method === 'POST') return query.has('uploads') ? 'begin' : 'complete'
  if (method !== 'PUT') return method
  if (headers['x-amz-copy-source'] !== undefined) return 'copy'
  return query.has('partNumber') ? 'part' : 'put'
}
