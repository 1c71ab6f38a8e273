import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { answerErrors } from '../../src/http/errors.ts'
import { createJsonReader, pathUuid, readBody } from '../../src/http/validate.ts'
import { silent } from '../support/ledger.ts'

const schema = z.strictObject({
  name: z.string().min(1, 'must not be empty'),
  place: z.strictObject({ lines: z.array(z.string('must be text')) }).optional(),
})

const readJson = createJsonReader({ withinMs: 30_000, maxBytes: { usual: 65_536, large: 65_536, tasks: 65_536 } })
const app = express()
app.post('/body', async (request, response) => {
  response.json(await readBody(schema, { request, response, readJson }))
})
app.get('/id/:id', (request, response) => {
  response.json({ id: pathUuid(request, 'id') ?? null })
})
app.use(answerErrors(silent))
const server = createServer(app)
let url = ''

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => void server.close())

async function post(body: unknown): Promise<unknown> {
  const headers = { 'content-type': 'application/json' }
  return (await fetch(`${url}/body`, { method: 'POST', headers, body: JSON.stringify(body) })).json()
}

describe('a body', () => {
  it('comes as the schema makes it', async () => {
    expect(await post({ name: 'x', place: { lines: ['a'] } })).toEqual({ name: 'x', place: { lines: ['a'] } })
  })

  it('that is wrong is told by the path of every field', async () => {
    expect(await post({ name: '', place: { lines: ['a', 1], zip: 1 }, other: 1, more: 2 })).toEqual({
      code: 'VALIDATION_FAILED',
      message: 'The request is not valid.',
      status: 400,
      details: {
        errors: [
          { field: 'name', message: 'must not be empty' },
          { field: 'place.lines.1', message: 'must be text' },
          { field: 'place.zip', message: 'is not a known field' },
          { field: 'other', message: 'is not a known field' },
          { field: 'more', message: 'is not a known field' },
        ],
      },
    })
  })
})

describe('an id in a path', () => {
  const ask = async (id: string): Promise<unknown> => (await fetch(`${url}/id/${id}`)).json()

  it('is a UUID in lower case', async () => {
    expect(await ask('0F8FAD5B-D9CB-469F-A165-70867728950E')).toEqual({ id: '0f8fad5b-d9cb-469f-a165-70867728950e' })
  })

  it.each(['abc', '0', '0f8fad5bd9cb469fa16570867728950e', '{0f8fad5b-d9cb-469f-a165-70867728950e}', '%20'])(
    'or nothing: %s',
    async (id) => {
      expect(await ask(id)).toEqual({ id: null })
    },
  )
})
