import { afterAll, beforeAll, expect, it } from 'vitest'
import type { TestClient } from '../../support/client.ts'
import { describeOnMainEngines, type EnginePlace } from '../../support/engine-places.ts'
import { type Receiver, startReceiver } from '../../support/receiver.ts'
import { openStage, type Stage } from '../../support/stage.ts'
import { until } from '../../support/system.ts'
import { createTask, untilStatus, withTestTypes } from '../../support/tasks.ts'
import { aboutTask, told, webhooksOf } from '../../support/webhooks.ts'

describeOnMainEngines('webhooks whose workers are killed', (openPlace) => {
  let place: EnginePlace
  let stage: Stage
  let client: TestClient
  let receiver: Receiver
  let id: string
  beforeAll(async () => {
    place = await openPlace()
    receiver = await startReceiver()
    const settings = { NOTIFY_ALLOWED_HOSTS: '127.0.0.1', WEBHOOK_TIMEOUT_SECONDS: '5', QUEUE_PREFIX: place.prefix }
    stage = await openStage({ redisUrl: place.redisUrl, env: { ...withTestTypes, ...settings } })
    client = await stage.client()
    id = (await webhooksOf(client).create({ url: receiver.url })).id
  })
  afterAll(async () => {
    await stage.close()
    await receiver.close()
    await place.close()
  })

  const killWorkers = async (): Promise<void> => {
    const workers = stage.system.workers.splice(0)
    for (const worker of workers) worker.kill('SIGKILL')
    await Promise.all(workers.map((worker) => worker.exited))
  }
  const untilAllTold = (taskId: string) =>
    until(async () => {
      const messages = aboutTask(receiver.received, taskId)
      return told(messages).includes('task.completed 3') ? messages : undefined
    })

  it('tell everything all the same, in order: what was in the middle again, under its name', async () => {
    receiver.reply(() => {})
    const taskId = await createTask(client, 'Echo')
    await receiver.untilReceived(1)
    await killWorkers()
    receiver.reply(200)
    await stage.system.startWorker()
    const messages = await untilAllTold(taskId)
    const [first, second] = messages
    expect(second?.headers['webhook-id']).toBe(first?.headers['webhook-id'])
    expect(second?.body).toBe(first?.body)
    expect([...new Set(told(messages))]).toEqual(['task.created 1', 'task.started 2', 'task.completed 3'])
  })

  it('tell what happened while there was no worker, also after the engine was wiped', async () => {
    await killWorkers()
    const taskId = await createTask(client, 'Echo')
    await place.forget(stage.sql)
    await stage.system.startWorker()
    await untilStatus(client, taskId, 'Completed')
    expect([...new Set(told(await untilAllTold(taskId)))]).toHaveLength(3)
    await until(async () => {
      const open = await webhooksOf(client).deliveries(id, 'status=pending')
      return open.length === 0 ? true : undefined
    })
  })
})
