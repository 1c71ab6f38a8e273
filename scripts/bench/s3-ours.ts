import { createHash, randomUUID } from 'node:crypto'
import { Agent, get } from 'node:http'
import { finished } from 'node:stream/promises'
import { z } from 'zod'
import { signToken } from '../../src/auth/token.ts'
import type { OurStack } from './our-stack.ts'
import type { Payload } from './payload.ts'
import { eachAtOnce, openSender, type Sender } from './send.ts'

/** How far an upload is: its bytes are in, and it is not a file yet. */
export type Sent = { complete: () => Promise<string> }

const part = z.object({ index: z.number(), url: z.string(), headers: z.record(z.string(), z.string()) })
const page = z.object({ parts: z.array(part) })
const created = z.object({
  taskId: z.string(),
  direct: z.object({ parts: z.array(part), next: z.unknown() }).nullish(),
})
const file = z.object({ id: z.string() })
const task = z.object({ taskId: z.string() })
const ended = z.object({ status: z.string(), errorMessage: z.unknown() })

/** A client of our API, with an account of its own for every upload, so that none finds its bytes already there. */
export class OurS3 {
  readonly #url: string
  readonly #secret: string
  readonly #atOnce: number
  readonly #sender: Sender
  readonly #agent = new Agent({ keepAlive: true })
  #headers: Record<string, string> = {}

  constructor({ url, secret }: Pick<OurStack, 'url' | 'secret'>, atOnce: number) {
    this.#url = url
    this.#secret = secret
    this.#atOnce = atOnce
    this.#sender = openSender(atOnce)
  }

  /** Creates an upload in a pool and sends its chunks through the API. */
  async sendThroughApi(payload: Payload, poolId: string | undefined): Promise<Sent> {
    const { taskId } = await this.#create(payload, { poolId })
    const headers = { ...this.#headers, 'content-type': 'application/octet-stream' }
    await eachAtOnce(payload.pieces, this.#atOnce, async (index) => {
      const url = `${this.#url}/api/files/upload/chunk/${taskId}/${index}`
      await this.#sender.send({ method: 'PUT', url, headers, body: payload.piece(index) }, [200])
    })
    return this.#sent(taskId)
  }

  /** The same, straight to the store, with each chunk's MD5 reported. */
  async sendDirect(payload: Payload, poolId: string): Promise<Sent> {
    const { taskId, direct } = await this.#create(payload, { poolId, direct: true })
    const parts = direct?.parts ?? []
    const rest = { from: parts.length, limit: 1000 }
    if (direct?.next !== null) {
      parts.push(...(await this.#call('POST', `/files/upload/direct/${taskId}/urls`, page, rest)).parts)
    }
    const reports: { index: number; etag: string; md5: string }[] = []
    const waiting = parts.values()
    await eachAtOnce(parts.length, this.#atOnce, async () => {
      const { value: next } = waiting.next()
      if (next === undefined) return
      const { index, url, headers } = next
      const body = payload.piece(index)
      const md5 = createHash('md5')
      for (const piece of body) md5.update(piece)
      const answer = await this.#sender.send({ method: 'PUT', url, headers, body }, [200])
      reports.push({ index, etag: String(answer.headers['etag']), md5: md5.digest('base64') })
    })
    await this.#call('POST', `/files/upload/direct/${taskId}/parts`, z.unknown(), { parts: reports })
    return this.#sent(taskId)
  }

  /** Fetches a file of the last upload's account and drops it. */
  download(fileId: string): Promise<void> {
    return new Promise((resolve, reject) => {
      get(`${this.#url}/api/files/${fileId}/content`, { agent: this.#agent, headers: this.#headers }, (response) => {
        if (response.statusCode !== 200) reject(new Error(`the download was answered ${response.statusCode}`))
        finished(response.resume()).then(resolve, reject)
      }).once('error', reject)
    })
  }

  /** Moves the last account's files from one pool to another. */
  async migrate(sourcePoolId: string, targetPoolId: string): Promise<void> {
    const body = { type: 'StorageMigration', parameters: { sourcePoolId, targetPoolId } }
    const { taskId } = await this.#call('POST', '/tasks', task, body)
    for (;;) {
      const { status, errorMessage } = await this.#call('GET', `/tasks/${taskId}`, ended)
      if (status === 'Completed') return
      if (status === 'Failed') throw new Error(`the migration failed: ${String(errorMessage)}`)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }

  close(): void {
    this.#sender.close()
    this.#agent.destroy()
  }

  async #create(payload: Payload, fields: Record<string, unknown>): Promise<z.infer<typeof created>> {
    const token = await signToken(this.#secret, { account: randomUUID(), admin: false, expiresInSeconds: 3600 })
    this.#headers = { authorization: `Bearer ${token}` }
    const { sizeBytes: fileSize, pieceSizeBytes: chunkSize, hash } = payload
    const plan = { fileName: 'bench.bin', contentType: 'application/octet-stream', fileSize, chunkSize, hash }
    return this.#call('POST', '/files/upload/create', created, { ...plan, ...fields })
  }

  #sent(taskId: string): Sent {
    return {
      complete: async () => {
        for (;;) {
          const answer = await this.#call('POST', `/files/upload/complete/${taskId}`, z.unknown())
          const made = file.safeParse(answer)
          if (made.success) return made.data.id
        }
      },
    }
  }

  async #call<T>(method: string, path: string, shape: z.ZodType<T>, body?: unknown): Promise<T> {
    const headers = { ...this.#headers, 'content-type': 'application/json' }
    const outgoing = { method, url: `${this.#url}/api${path}`, headers }
    const sent = body === undefined ? outgoing : { ...outgoing, body: [Buffer.from(JSON.stringify(body))] }
    const answer = await this.#sender.send(sent, [200, 201, 202])
    return shape.parse(JSON.parse(answer.body))
  }
}
