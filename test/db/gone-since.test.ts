import { randomUUID } from 'node:crypto'
import { expect, it, onTestFinished } from 'vitest'
import { openDatabase } from '../../src/db/connect.ts'
import { insertNotice } from '../../src/db/push.ts'
import { insertDelivery } from '../../src/db/webhook-deliveries.ts'
import { createDatabase } from '../support/postgres.ts'

it('what was deleted since it was read gets nothing more, and that is no error of the ledger', async () => {
  const { databaseUrl, drop } = await createDatabase()
  const { sql, close } = openDatabase(databaseUrl, { name: 'test', maxConnections: 1 })
  onTestFinished(async () => {
    await close()
    await drop()
  })
  const [type, data] = ['x.test', {}]
  expect(await insertDelivery(sql, { webhookId: randomUUID(), type, body: '{}' })).toBeUndefined()
  expect(await insertNotice(sql, { subscriptionId: randomUUID(), type, data })).toBe(false)
})
