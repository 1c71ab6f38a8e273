import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import express, { type Request, type Response } from 'express'
import multer, { type StorageEngine } from 'multer'

/** What became of a form: the bytes of its file, or that it was refused. */
export type Outcome = Buffer | 'refused'

/** A request whose body comes in exactly these pieces, one at a turn of the loop; `open`: and then nothing more. */
export class FormRequest extends Readable {
  readonly headers: Record<string, string>
  readonly #pieces: Buffer[]
  readonly #atEnd: 'closed' | 'open'
  /** Pieces asked for so far. */
  reads = 0

  constructor(pieces: Buffer[], type: string, atEnd: 'closed' | 'open' = 'closed') {
    super()
    this.headers = { 'content-type': type, 'transfer-encoding': 'chunked' }
    this.#pieces = pieces.filter((piece) => piece.length > 0)
    this.#atEnd = atEnd
  }

  get complete(): boolean {
    return this.readableEnded
  }

  override _read(): void {
    setImmediate(() => {
      this.reads += 1
      const piece = this.#pieces.shift()
      if (piece) this.push(piece)
      else if (this.#atEnd === 'closed') this.push(null)
    })
  }
}

export function cut(whole: Buffer, nextBytes: () => number): Buffer[] {
  const pieces: Buffer[] = []
  for (let at = 0; at < whole.length; ) {
    const lengthBytes = nextBytes()
    pieces.push(whole.subarray(at, at + lengthBytes))
    at += lengthBytes
  }
  return pieces
}

/** The request as Express hands it on. */
export function expressRequest(request: FormRequest): Request {
  if (!isRequest(request)) throw new Error('this is no request')
  return request
}

export function expressResponse(request: FormRequest): Response {
  const response: unknown = Object.create(express.response, { req: { value: request } })
  if (!isResponse(response)) throw new Error('this is no response')
  return response
}

/** Lets the loop turn so often that whatever can happen by itself has happened. */
export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** What the form parser makes of the form without us, under the same limits. */
export function parsed(pieces: Buffer[], type: string): Promise<Outcome> {
  const limits = { files: 1, fields: 8, parts: 9, fieldSize: 1024, fieldNameSize: 100, headerPairs: 20 }
  const request = new FormRequest(pieces, type)
  const form = expressRequest(request)
  const parse = multer({ storage: inMemory, limits }).single('chunk')
  const outcome = new Promise<Outcome>((resolve) => {
    parse(form, expressResponse(request), (error: unknown) => {
      resolve(error || !form.file ? 'refused' : form.file.buffer)
    })
  })
  return Promise.race([outcome, givenUp(request)])
}

/** Unlike multer's own, it does not wait for ever for a file that the parser has given up. */
const inMemory: StorageEngine = {
  _handleFile: (_request, file, done) => {
    void settle(file.stream, done)
  },
  _removeFile: (_request, _file, done) => done(null),
}

async function settle(stream: Readable, done: (error?: unknown, info?: { buffer: Buffer }) => void): Promise<void> {
  try {
    done(null, { buffer: await buffer(stream) })
  } catch (error) {
    done(error)
  }
}

/** Of some broken heads the parser says nothing, ever; such a chunk is refused once it is seen to have stalled. */
export async function givenUp(request: FormRequest): Promise<Outcome> {
  await new Promise((resolve) => request.once('close', resolve))
  await turns(50)
  return 'refused'
}

function isRequest(value: object): value is Request {
  return 'headers' in value && value instanceof Readable
}

function isResponse(value: unknown): value is Response {
  return typeof value === 'object' && value !== null && 'req' in value
}
