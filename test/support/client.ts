import { createHash, randomUUID } from 'node:crypto'
import { signToken } from '../../src/auth/token.ts'
import { secret } from './system.ts'

export type Answer = {
  status: number
  headers: Headers
  body: Record<string, unknown>
}

/** Calls one API process over HTTP as one account. */
export type TestClient = {
  url: string
  account: string
  token: string
  /** Any request; a plain object as body goes as JSON, bytes go as they are. */
  call: (
    method: string,
    path: string,
    options?: { body?: unknown; headers?: Record<string, string> },
  ) => Promise<Answer>
  /** Creates an upload of these bytes and answers what the server said. */
  create: (bytes: Buffer, fields?: Record<string, unknown>) => Promise<Answer>
  putChunk: (taskId: string, index: number, bytes: Buffer, headers?: Record<string, string>) => Promise<Answer>
  postChunk: (taskId: string, index: number, bytes: Buffer, field?: string) => Promise<Answer>
  complete: (taskId: string, headers?: Record<string, string>) => Promise<Answer>
  /** Creates and sends; answers the file. */
  upload: (
    bytes: Buffer,
    fields?: Record<string, unknown>,
  ) => Promise<{ taskId: string; file: Record<string, unknown> }>
  /** Sends every chunk of a created upload, eight at once, and completes it; answers the file. Fails on any refusal. */
  send: (bytes: Buffer, created: Record<string, unknown>) => Promise<Record<string, unknown>>
  /** A file's bytes. */
  download: (fileId: unknown) => Promise<Buffer>
}

export async function clientOf(url: string, account: string = randomUUID()): Promise<TestClient> {
  const token = await signToken(secret, { account, admin: false, expiresInSeconds: 3600 })
  const call: TestClient['call'] = (method, path, options) => request(url, token, method, path, options)
  const client: TestClient = {
    url,
    account,
    token,
    call,
    create: (bytes, fields = {}) =>
      call('POST', '/api/files/upload/create', {
        body: {
          fileName: 'sample.bin',
          fileSize: bytes.length,
          contentType: 'application/octet-stream',
          hash: sha256(bytes),
          ...fields,
        },
      }),
    putChunk: (taskId, index, bytes, headers = {}) =>
      call('PUT', `/api/files/upload/chunk/${taskId}/${index}`, { body: bytes, headers }),
    postChunk: (taskId, index, bytes, field = 'chunk') => {
      const form = new FormData()
      form.append(field, new Blob([bytes]))
      return call('POST', `/api/files/upload/chunk/${taskId}/${index}`, { body: form })
    },
    complete: (taskId, headers = {}) => call('POST', `/api/files/upload/complete/${taskId}`, { headers }),
    upload: async (bytes, fields) => {
      const created = expectOk(await client.create(bytes, fields))
      return { taskId: String(created['taskId']), file: await client.send(bytes, created) }
    },
    send: async (bytes, created) => {
      const taskId = String(created['taskId'])
      const pieces = chunksOf(bytes, Number(created['chunkSize']))
      const queue = pieces.map((piece, index) => ({ piece, index }))
      const send = async (): Promise<void> => {
        for (let next = queue.shift(); next; next = queue.shift()) {
          expectOk(await client.putChunk(taskId, next.index, next.piece))
        }
      }
      await Promise.all(Array.from({ length: 8 }, send))
      return expectOk(await client.complete(taskId))
    },
    download: async (fileId) => {
      const response = await fetch(`${url}/api/files/${fileId}/content`, {
        headers: { authorization: `Bearer ${token}` },
      })
      return Buffer.from(await response.arrayBuffer())
    },
  }
  return client
}

async function request(
  url: string,
  token: string,
  method: string,
  path: string,
  { body, headers = {} }: { body?: unknown; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const raw = body instanceof FormData || Buffer.isBuffer(body)
  const type: Record<string, string> = Buffer.isBuffer(body)
    ? { 'content-type': 'application/octet-stream' }
    : body === undefined || raw
      ? {}
      : { 'content-type': 'application/json' }
  const response = await fetch(url + path, {
    method,
    headers: { authorization: `Bearer ${token}`, ...type, ...headers },
    ...(body === undefined ? {} : { body: raw ? body : JSON.stringify(body) }),
  })
  const text = await response.text()
  const json = response.headers.get('content-type')?.startsWith('application/json') ?? false
  return { status: response.status, headers: response.headers, body: json && text !== '' ? JSON.parse(text) : { text } }
}

function expectOk({ status, body }: Answer): Record<string, unknown> {
  if (status !== 200) throw new Error(`answered ${status}: ${JSON.stringify(body)}`)
  return body
}

export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

export function chunksOf(bytes: Buffer, chunkSizeBytes: number): Buffer[] {
  const count = Math.ceil(bytes.length / chunkSizeBytes)
  return Array.from({ length: count }, (_, index) =>
    bytes.subarray(index * chunkSizeBytes, (index + 1) * chunkSizeBytes),
  )
}
