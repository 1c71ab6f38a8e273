import { validate } from '@readme/openapi-parser'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { errorStatus } from '../../src/errors.ts'
import { everyOperation } from '../support/operations.ts'
import { openApi } from '../support/routes.ts'
import { openStage, type Stage } from '../support/stage.ts'

describe('the OpenAPI document', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await openStage({ workers: 0 })
  })
  afterAll(() => stage.close())

  const get = (headers: Record<string, string> = {}) => fetch(`${stage.system.urls[0]}/openapi.json`, { headers })

  it('is valid OpenAPI 3.1', async () => {
    const result = await validate(structuredClone(openApi()) as never)
    expect(result).toMatchObject({ valid: true, warnings: [] })
  })

  it('is served to everybody, and not again to who has it', async () => {
    const response = await get()
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/json; charset=utf-8'])
    expect(await response.json()).toEqual(JSON.parse(JSON.stringify(openApi())))
    const etag = response.headers.get('etag') ?? ''
    const again = await get({ 'if-none-match': etag })
    expect([again.status, await again.text(), again.headers.get('etag')]).toEqual([304, '', etag])
    expect((await get({ 'if-none-match': '"other"' })).status).toBe(200)
  })

  it('names every operation once, with every variable of its path and every refusal', () => {
    const operations = everyOperation()
    expect(new Set(operations.map(({ name }) => name)).size).toBe(operations.length)
    for (const { path, operation } of operations) {
      const variables = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
      const declared = operation.parameters.filter((one) => one.in === 'path').map(({ name }) => name)
      expect(declared).toEqual(variables)
      expect(operation.responses).toHaveProperty('default')
    }
  })

  it('has no code that is not one, and leaves out none that a request can end with', () => {
    const { paths, components } = openApi()
    const text = JSON.stringify([paths, components])
    const told = Object.keys(errorStatus).filter((code) => text.includes(`"${code}"`))
    // These end tasks or are told to sockets alone, or answer what no operation is.
    const elsewhere =
      /^(ARCHIVE|DECRYPT)_|^(ROUTE_NOT_FOUND|METHOD_NOT_ALLOWED|ENCRYPTION_KEYS_INVALID|CONVERSION_UNAVAILABLE|POOL_KIND)$/
    expect(Object.keys(errorStatus).filter((code) => !told.includes(code) && !elsewhere.test(code))).toEqual([])
  })

  it('shows what is signed in, what a list counts, what may be repeated, and what webhooks are told', () => {
    const { paths, webhooks } = openApi()
    expect(paths['/tasks']?.get).toMatchObject({
      security: [{ token: ['longshore:tasks:read'] }],
      responses: { 200: { headers: { 'X-Total': { $ref: '#/components/headers/X-Total' } } } },
    })
    expect(paths['/tasks']?.post?.parameters).toMatchObject([{ name: 'Idempotency-Key', in: 'header' }])
    expect(paths['/tasks']?.post?.responses).toMatchObject({
      201: { content: { 'application/json': { schema: { $ref: '#/components/schemas/Task' } } } },
    })
    expect(Object.keys(webhooks)).toContain('task.completed')
  })
})
