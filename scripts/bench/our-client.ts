import { randomUUID } from 'node:crypto'
import { signToken } from '../../src/auth/token.ts'
import { makePayload, type Payload } from './payload.ts'
import { type Answer, eachAtOnce, multipart, type Sender } from './send.ts'

export type Way = 'multipart' | 'put'

/** The calls one client makes, on behalf of an account of its own (so that no upload finds its file already there). */
export type OurClient = {
  create(payload: Payload): Promise<string>
  sendChunk(taskId: string, payload: Payload, index: number, way: Way): Promise<void>
  /** Asks for the file and waits until it is there. Rejects when it has not come to be within 2 minutes. */
  complete(taskId: string): Promise<void>
}

const finishTimeoutMs = 120_000
const pollMs = 10

export async function openOurClient(url: string, secret: string, sender: Sender): Promise<OurClient> {
  const token = await signToken(secret, { account: randomUUID(), admin: false, expiresInSeconds: 3600 })
  const headers = { authorization: `Bearer ${token}` }
  const uploads = `${url}/api/files/upload`
  return {
    async create(payload) {
      const { sizeBytes: fileSize, pieceSizeBytes: chunkSize, hash } = payload
      const plan = { fileName: 'bench.bin', fileSize, contentType: 'application/octet-stream', chunkSize, hash }
      const body = [Buffer.from(JSON.stringify(plan))]
      const json = { ...headers, 'content-type': 'application/json' }
      return planned(
        await sender.send({ method: 'POST', url: `${uploads}/create`, headers: json, body }, [200, 201]),
        payload,
      )
    },
    async sendChunk(taskId, payload, index, way) {
      const chunk = `${uploads}/chunk/${taskId}/${index}`
      const parts = payload.piece(index)
      if (way === 'multipart') {
        const form = multipart(parts)
        await sender.send(
          { method: 'POST', url: chunk, headers: { ...headers, ...form.headers }, body: form.body },
          [200],
        )
        return
      }
      const raw = { ...headers, 'content-type': 'application/octet-stream' }
      await sender.send({ method: 'PUT', url: chunk, headers: raw, body: parts }, [200, 201, 204])
    },
    async complete(taskId) {
      const answer = await sender.send({ method: 'POST', url: `${uploads}/complete/${taskId}`, headers }, [200, 202])
      const deadlineMs = performance.now() + finishTimeoutMs
      let done = answer.status === 200
      while (!done) {
        if (performance.now() > deadlineMs) throw new Error(`upload ${taskId} was not finished within 2 minutes`)
        await new Promise((resolve) => setTimeout(resolve, pollMs))
        done = isDone(
          await sender.send({ method: 'GET', url: `${uploads}/progress/${taskId}`, headers }, [200]),
          taskId,
        )
      }
    },
  }
}

/** Takes one upload from `create` to the file, `atOnce` chunks in flight. */
export async function uploadWhole(client: OurClient, payload: Payload, atOnce: number, way: Way): Promise<void> {
  const taskId = await client.create(payload)
  await eachAtOnce(payload.pieces, atOnce, (index) => client.sendChunk(taskId, payload, index, way))
  await client.complete(taskId)
}

/** Sends one small upload each way, so that what a server loads or opens on first use is there before it is measured. */
export async function warmUp(url: string, secret: string, sender: Sender): Promise<void> {
  const payload = makePayload(64 * 1024, 32 * 1024)
  for (const way of ['multipart', 'put'] as const) {
    await uploadWhole(await openOurClient(url, secret, sender), payload, 1, way)
  }
}

function planned(answer: Answer, payload: Payload): string {
  const { taskId, chunksCount } = fields(answer)
  if (typeof taskId === 'string' && chunksCount === payload.pieces) return taskId
  throw new Error(`create did not plan ${payload.pieces} chunks: ${answer.body.slice(0, 300)}`)
}

function isDone(answer: Answer, taskId: string): boolean {
  const { status } = fields(answer)
  if (status === 'Completed') return true
  if (status === 'InProgress' || status === 'Pending') return false
  throw new Error(`upload ${taskId} ended as ${String(status)}`)
}

function fields(answer: Answer): Record<string, unknown> {
  const parsed: unknown = JSON.parse(answer.body)
  return typeof parsed === 'object' && parsed !== null ? { ...parsed } : {}
}
