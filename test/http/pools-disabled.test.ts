import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TestClient } from '../support/client.ts'
import { type PoolAdmin, poolAdmin } from '../support/pool-admin.ts'
import { expectRefusal } from '../support/refusal.ts'
import { openStage, type Stage } from '../support/stage.ts'
import { until } from '../support/system.ts'
import { listIn, untilStatus, verb } from '../support/tasks.ts'

describe('pools that are taken out of use', { timeout: 60_000 }, () => {
  let stage: Stage
  let client: TestClient
  let admin: PoolAdmin
  beforeAll(async () => {
    stage = await openStage({ apis: 2 })
    client = await stage.client()
    admin = await poolAdmin(client)
  })
  afterAll(() => stage.close())

  it('take no new files while they are disabled, finish what was begun, and are deleted when nothing is left', async () => {
    const id = await admin.create()
    const bytes = randomBytes(1000)
    const begun = (await client.create(bytes, { poolId: id })).body
    expectRefusal(await admin.call('DELETE', `/${id}`), 409, 'POOL_NOT_EMPTY')
    expect((await admin.call('POST', `/${id}/disable`)).body['disabledAt']).not.toBeNull()
    const other = await stage.client({ account: client.account, api: 1 })
    expectRefusal(await other.create(randomBytes(10), { poolId: id }), 409, 'POOL_DISABLED')
    expect(listIn(await other.call('GET', '/api/pools')).find((pool) => pool['id'] === id)).toMatchObject({
      disabled: true,
    })
    const file = await client.send(bytes, begun)
    expectRefusal(await client.create(bytes, { poolId: id }), 409, 'POOL_DISABLED')
    expect(await client.download(file['id'])).toEqual(bytes)
    expectRefusal(await admin.call('DELETE', `/${id}`), 409, 'POOL_NOT_EMPTY')
    await client.call('DELETE', `/api/files/${String(file['id'])}?permanent=true`)
    // Its bytes are there still.
    expect((await admin.call('DELETE', `/${id}`)).body['details']).toMatchObject({ filesCount: 0, hasObjects: true })
    await stage.sql`delete from objects where pool_id = ${id}`
    expect((await admin.call('DELETE', `/${id}`)).status).toBe(204)
    for (const one of [client, other]) {
      expectRefusal(await one.create(bytes, { poolId: id }), 404, 'POOL_NOT_FOUND')
      expectRefusal(await one.call('GET', `/api/pools/${id}`), 404, 'POOL_NOT_FOUND')
    }
    expectRefusal(await admin.call('POST', `/${id}/enable`), 404, 'POOL_NOT_FOUND')
  })

  it('move while nothing is on its way there, and every process finds them there', async () => {
    const id = await admin.create()
    const other = await stage.client({ account: client.account, api: 1 })
    const { file } = await other.upload(randomBytes(100), { poolId: id })
    const moved = { settings: { path: `pools/${id}-elsewhere` } }
    expectRefusal(await admin.call('PATCH', `/${id}`, moved), 409, 'POOL_IN_USE')
    const begun = String((await client.create(randomBytes(10), { poolId: id })).body['taskId'])
    await admin.call('POST', `/${id}/disable`)
    expect((await admin.call('PATCH', `/${id}`, moved)).body['details']).toMatchObject({
      isDisabled: true,
      uploadsCount: 1,
    })
    await verb(client, begun, 'cancel')
    await untilStatus(client, begun, 'Cancelled')
    await until(async () => ((await admin.call('PATCH', `/${id}`, moved)).status === 200 ? true : undefined))
    await admin.call('POST', `/${id}/enable`)
    // The process that had opened it before does not see the file there, whose bytes nobody has moved.
    await until(async () => {
      const { status } = await other.call('GET', `/api/files/${String(file['id'])}/content`)
      return status === 200 ? undefined : true
    })
    const { file: next } = await other.upload(randomBytes(100), { poolId: id })
    expect((await client.download(next['id'])).length).toBe(100)
  })
})
