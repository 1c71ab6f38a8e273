import { afterAll, beforeAll, expect, it } from 'vitest'
import { signToken } from '../../src/auth/token.ts'
import { everyOperation } from '../support/operations.ts'
import { fuzz, fuzzSettings } from '../support/fuzz/run.ts'
import { fuzzLines } from '../support/fuzz/run-lines.ts'
import { openStage, type Stage } from '../support/stage.ts'
import { secret } from '../support/system.ts'
import { allThings } from '../support/things.ts'

let stage: Stage
beforeAll(async () => {
  stage = await openStage({ env: { ...allThings, ...fuzzSettings } })
})
afterAll(() => stage.close())

it('no text in a query is more than the ledger can be asked for', async () => {
  const client = await stage.client()
  const token = await signToken(secret, { account: client.account, admin: true, expiresInSeconds: 600 })
  const asked = everyOperation().flatMap(({ path, operation: { parameters } }) =>
    parameters
      .filter((one) => one.in === 'query' && one.schema['type'] === 'string')
      .map(({ name }) => `${path}?${name}=%00`),
  )
  expect(asked.length).toBeGreaterThan(10)
  for (const path of asked) {
    const { status } = await client.call('GET', path, { headers: { authorization: `Bearer ${token}` } })
    expect([path, status]).toEqual([path, expect.toSatisfy((one: number) => one < 500)])
  }
})

it('what is no request, and nonsense to the doors of events, breaks and stalls nothing', async () => {
  const { faults } = await fuzzLines(stage, { seed: 1, times: 80 })
  expect(faults).toEqual([])
  expect(stage.system.apis[0]?.output()).not.toContain('"level":"error"')
})

// The same ones every time; test/full has many, and others every time.
it('any request at all is answered as the document says, and never by a 5xx', async () => {
  const { faults, requests } = await fuzz(stage, { seed: 1, requests: 500 })
  expect(faults).toEqual([])
  expect(requests).toBe(500)
  expect(stage.system.apis[0]?.output()).not.toContain('"level":"error"')
})
