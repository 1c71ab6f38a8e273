import { once } from 'node:events'
import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import type { TestClient } from './client.ts'

export type HeldAnswer = { status: number; headers: IncomingMessage['headers']; body: Record<string, unknown> }

/** A request whose body the test sends bit by bit, and breaks off when it likes. */
export type HeldRequest = {
  /** Sends bytes and resolves when the system has taken them. */
  send: (bytes: Buffer | string) => Promise<void>
  /** Ends the body as it should be ended. */
  end: () => void
  /** Cuts the connection. */
  cut: () => void
  /** What the server says, whenever it says it. Fails when the connection ends without an answer. */
  answer: Promise<HeldAnswer>
}

/** Opens a request on a connection of its own and sends its head. Without a Content-Length the body goes chunked. */
export function holdRequest(
  client: TestClient,
  method: string,
  path: string,
  headers: Record<string, string | number> = {},
): HeldRequest {
  const sent = request(client.url + path, {
    method,
    agent: false,
    headers: { authorization: `Bearer ${client.token}`, ...headers },
  })
  sent.flushHeaders()
  const answer = readAnswer(sent)
  // A test that cuts the connection does not wait for an answer.
  answer.catch(() => {})
  return {
    send: (bytes) =>
      new Promise((resolve, reject) => sent.write(bytes, (error) => (error ? reject(error) : resolve()))),
    end: () => void sent.end(),
    cut: () => void sent.destroy(),
    answer,
  }
}

async function readAnswer(sent: ClientRequest): Promise<HeldAnswer> {
  const [response]: IncomingMessage[] = await once(sent, 'response')
  if (!response) throw new Error('there was no answer')
  const pieces: Buffer[] = []
  for await (const piece of response) pieces.push(piece)
  const text = Buffer.concat(pieces).toString()
  const isJson = response.headers['content-type']?.startsWith('application/json') ?? false
  return { status: response.statusCode ?? 0, headers: response.headers, body: isJson ? JSON.parse(text) : { text } }
}
