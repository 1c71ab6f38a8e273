import { Agent, type OutgoingHttpHeaders, request } from 'node:http'

export type Outgoing = {
  method: string
  url: string
  headers?: OutgoingHttpHeaders
  /** Written as they are, in one go, without copying. */
  body?: Buffer[]
}

export type Answer = { status: number; headers: Record<string, string | string[] | undefined>; body: string }

export type Sender = {
  /** Sends one request over a kept-alive connection; rejects when the connection breaks or the status is not expected. */
  send(outgoing: Outgoing, expectedStatus: readonly number[]): Promise<Answer>
  close(): void
}

/** Opens a pool of kept-alive connections, `connections` at most. */
export function openSender(connections: number): Sender {
  const agent = new Agent({ keepAlive: true, maxSockets: connections, noDelay: true })
  return {
    async send(outgoing, expectedStatus) {
      const answer = await exchange(agent, outgoing)
      if (expectedStatus.includes(answer.status)) return answer
      throw new Error(`${outgoing.method} ${outgoing.url}: ${answer.status} ${answer.body.slice(0, 300)}`)
    },
    close: () => agent.destroy(),
  }
}

/** Runs `work` for 0 … count − 1, at most `atOnce` at a time, in order of start; rejects with the first failure. */
export async function eachAtOnce(count: number, atOnce: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < count) {
      const index = next
      next += 1
      await work(index)
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, lane))
}

/** The header, body and headers of a multipart request that holds one file in the field `chunk`. */
export function multipart(parts: Buffer[]): { headers: OutgoingHttpHeaders; body: Buffer[] } {
  const boundary = '----longshore-bench-1b9f2c7d5e3a4860'
  const head = `--${boundary}\r\ncontent-disposition: form-data; name="chunk"; filename="chunk"\r\ncontent-type: application/octet-stream\r\n\r\n`
  return {
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
    body: [Buffer.from(head), ...parts, Buffer.from(`\r\n--${boundary}--\r\n`)],
  }
}

function exchange(agent: Agent, { method, url, headers = {}, body = [] }: Outgoing): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const length = body.reduce((sum, part) => sum + part.length, 0)
    const sent = request(url, { method, agent, headers: { ...headers, 'content-length': length } })
    sent.once('error', reject)
    sent.once('response', (response) => {
      const received: Buffer[] = []
      response.on('data', (part: Buffer) => received.push(part))
      response.once('error', reject)
      response.once('end', () => {
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(received).toString(),
        })
      })
    })
    for (const part of body) sent.write(part)
    sent.end()
  })
}
