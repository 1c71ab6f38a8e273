import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Client, type LiveEvent, type LiveSnapshot, TaskFailed, type WatchedEvent } from '../../src/client/node.ts'
import { startFaultyStore } from '../support/faulty-store.ts'
import { type Line, openLine } from '../support/line.ts'
import { type SdkUser, sdkUser } from '../support/sdk.ts'
import { openStage, type Stage } from '../support/stage.ts'
import { until } from '../support/system.ts'
import { withTestTypes } from '../support/tasks.ts'

let stage: Stage
let user: SdkUser
let client: Client
let line: Line

beforeAll(async () => {
  stage = await openStage({ env: { ...withTestTypes, NOTIFY_ALLOWED_HOSTS: 'hooks.internal' } })
  user = await sdkUser()
  client = user.open(url())
  line = await openLine(url())
})
afterAll(async () => {
  await line.cut()
  await stage.close()
})

const url = (): string => stage.system.urls[0] ?? ''
const lineUrl = (): string => line.url.replace(/\/$/, '')

async function watched(events: AsyncIterable<WatchedEvent>): Promise<WatchedEvent[]> {
  const all = []
  for await (const event of events) all.push(event)
  return all
}
const durable = (events: readonly { seq: number | undefined; type: string }[]): string[] =>
  events.flatMap(({ seq, type }) => (seq === undefined ? [] : [`${seq} ${type}`]))

test('run waits for the end and answers the task; one that fails is thrown with what it says', async () => {
  const events: WatchedEvent[] = []
  const task = await client.tasks.run(
    { type: 'Count', parameters: { to: 5 } },
    { onEvent: (event) => void events.push(event) },
  )
  expect(task).toMatchObject({ status: 'Completed', results: { reached: 5 } })
  expect(durable(events)).toEqual(['1 task.created', '2 task.started', '3 task.completed'])
  expect(events.some(({ type, data }) => type === 'task.progress' && data.progress === 100)).toBe(true)

  const failed = client.tasks.run({ type: 'Flaky', parameters: { failures: 0, permanent: true } })
  await expect(failed).rejects.toBeInstanceOf(TaskFailed)
  await expect(failed).rejects.toMatchObject({ code: 'HOPELESS', task: { status: 'Failed' } })
  await expect(client.tasks.create({ type: 'Count', parameters: { to: 0 } })).rejects.toMatchObject({
    code: 'VALIDATION_FAILED',
    field: 'parameters.to',
  })
})

test('a task is paused, resumed, cancelled, tried again and deleted; batches, types, figures and lists', async () => {
  const [first, second] = await client.tasks.createBatch([
    { ref: 'one', type: 'Count', parameters: { to: 100_000 }, expiredAt: new Date(Date.now() + 3_600_000) },
    { type: 'Echo', after: ['one'] },
  ])
  const id = first?.taskId ?? ''
  expect(await client.tasks.pause(id)).toMatchObject({ status: 'Paused' })
  expect(await client.tasks.resume(id)).toMatchObject({ status: expect.stringMatching(/Pending|InProgress/) })
  expect(await client.tasks.cancel(id)).toMatchObject({ status: 'Cancelled' })
  expect(await client.tasks.get(second?.taskId ?? '')).toMatchObject({ status: 'Cancelled' })
  expect(await client.tasks.retry(id)).toMatchObject({ status: 'Pending' })
  await client.tasks.cancel(id)
  await client.tasks.delete(id)
  await expect(client.tasks.get(id)).rejects.toMatchObject({ code: 'TASK_NOT_FOUND' })
  expect(await client.tasks.types()).toContainEqual(expect.objectContaining({ type: 'Count' }))
  expect((await client.tasks.stats()).byType['Echo']).toBe(1)
  const types = []
  for await (const { type } of client.tasks.each({ limit: 1, status: 'Cancelled' })) types.push(type)
  expect(types).toEqual(['Echo'])
  expect((await client.tasks.list({ type: 'Echo' })).total).toBe(1)
})

test('watching outlives the API process: nothing is missed, nothing comes twice, and it ends with the task', async () => {
  const { taskId } = await client.tasks.create({ type: 'Count', parameters: { to: 150 } })
  const events: WatchedEvent[] = []
  const watching = (async () => {
    for await (const event of client.tasks.watch(taskId)) events.push(event)
  })()
  await until(async () => (events.some(({ type }) => type === 'task.progress') ? true : undefined))
  const port = Number(new URL(url()).port)
  stage.system.apis[0]?.kill('SIGKILL')
  await stage.system.apis[0]?.exited
  await stage.system.startApi(port)
  await watching
  expect(durable(events)).toEqual(['1 task.created', '2 task.started', '3 task.completed'])
  expect(await watched(client.tasks.watch(taskId, { after: 3 }))).toEqual([])
  expect(durable(await watched(client.tasks.watch(taskId, { after: 1 })))).toEqual([
    '2 task.started',
    '3 task.completed',
  ])
})

test('where streams do not come through it asks now and then, and still sees the end', async () => {
  const proxy = await startFaultyStore(url())
  const silent = { kind: 'answer', status: 502, body: 'no streams here', reached: false } as const
  proxy.inject({ method: 'GET', path: '/events', headers: ['last-event-id'] }, silent)
  const { taskId } = await client.tasks.create({ type: 'Count', parameters: { to: 30 } })
  const events = await watched(user.open(proxy.endpoint).tasks.watch(taskId, { pollMs: 100 }))
  expect(durable(events)).toEqual(['1 task.created', '2 task.started', '3 task.completed'])
})

test('a live room tells how it stands and what happens, over cut lines, each kept event once', async () => {
  const snapshots: LiveSnapshot[] = []
  const events: LiveEvent[] = []
  const states: string[] = []
  const live = user.open(lineUrl()).live({
    onSnapshot: (snapshot) => void snapshots.push(snapshot),
    onEvent: (event) => void events.push(event),
    onState: (_room, state) => void states.push(state),
  })
  await until(async () => snapshots[0])
  expect(snapshots[0]).toMatchObject({ room: 'account', isReset: false, snapshot: { kind: 'account' } })
  const before = await client.tasks.run({ type: 'Echo' })
  await until(async () => events.find(({ type }) => type === 'task.completed'))
  await line.cut()
  await until(async () => states.find((state) => state === 'waiting'))
  const meanwhile = await client.tasks.run({ type: 'Echo' })
  await line.mend()
  const toldOf = (taskId: string): string[] =>
    durable(events.filter(({ data }) => 'taskId' in data && data.taskId === taskId))
  await until(async () => (toldOf(meanwhile.taskId).length === 3 ? true : undefined))
  for (const { taskId } of [before, meanwhile]) {
    expect(toldOf(taskId)).toEqual(['1 task.created', '2 task.started', '3 task.completed'])
  }
  expect(snapshots).toHaveLength(1)
  live.enter(`task:${meanwhile.taskId}`)
  await until(async () => snapshots[1])
  expect(snapshots[1]?.snapshot).toMatchObject({ kind: 'task', task: { status: 'Completed' } })
  live.close()
})

test('what may not be watched is said, and what administrators see comes each second', async () => {
  const refused = await new Promise((resolve) => {
    client.live({ rooms: ['admin'], onError: (room, error) => resolve([room, error.code]) })
  })
  expect(refused).toEqual(['admin', 'FORBIDDEN'])
  const admin = (await sdkUser({ admin: true })).open(url())
  const figures = await new Promise<LiveEvent>((resolve) => {
    const live = admin.live({
      rooms: ['admin'],
      onEvent: (event) => {
        live.close()
        resolve(event)
      },
    })
  })
  expect(figures).toMatchObject({ type: 'admin.figures', data: { workers: [{ bands: ['high', 'normal', 'low'] }] } })
  expect(await admin.admin.pauseBand('low')).toMatchObject({ band: 'low', pausedAt: expect.any(String) })
  expect(await admin.admin.resumeBand('low')).toMatchObject({ pausedAt: null })
  expect(await admin.admin.pools()).toHaveLength(1)
})

test('files are renamed, tagged, bundled, put into the trash and taken out of it, and listed page by page', async () => {
  const owner = (await sdkUser()).open(url())
  const bundle = await owner.bundles.create({ name: 'Holiday' })
  const files = []
  for (const index of [0, 1, 2, 3, 4])
    files.push(await owner.upload(new Uint8Array([index]), { fileName: `${index}.txt` }))
  const [first] = files
  const id = first?.id ?? ''
  expect(await owner.files.rename(id, 'zero.txt')).toMatchObject({ name: 'zero.txt' })
  expect(await owner.files.tag(id, ['b', 'a'])).toMatchObject({ tags: ['a', 'b'] })
  expect(await owner.files.moveToBundle(id, bundle.id)).toMatchObject({ bundleId: bundle.id })
  expect(await owner.files.list({ bundleId: bundle.id })).toMatchObject({ total: 1, items: [{ id }] })
  const names = []
  for await (const file of owner.files.each({ limit: 2 })) names.push(file.name)
  expect(names).toEqual(['zero.txt', '1.txt', '2.txt', '3.txt', '4.txt'])
  await owner.files.delete(id)
  expect((await owner.files.list({ trashed: true })).total).toBe(1)
  await owner.files.restore(id)
  await owner.files.purge(id)
  expect((await owner.files.list()).total).toBe(4)
  expect(await owner.quota()).toMatchObject({ usedBytes: 4 })
  expect((await owner.pools.list())[0]).toMatchObject({ isDefault: true })
})

test('schedules and webhooks are made, changed and removed', async () => {
  const schedule = await client.schedules.create({ intervalSeconds: 3600, task: { type: 'Echo' } })
  expect(await client.schedules.run(schedule.scheduleId)).toMatchObject({ type: 'Echo' })
  expect(await client.schedules.change(schedule.scheduleId, { enabled: false })).toMatchObject({ nextRunAt: null })
  expect((await client.schedules.list()).total).toBe(1)
  await client.schedules.delete(schedule.scheduleId)
  const webhook = await client.webhooks.create({ url: 'https://hooks.internal/hook', events: ['task.failed'] })
  expect(webhook.secret).toMatch(/^whsec_/)
  expect(await client.webhooks.change(webhook.webhookId, { enabled: false })).toMatchObject({ enabled: false })
  await client.webhooks.delete(webhook.webhookId)
  expect((await client.webhooks.list()).total).toBe(0)
})

test('an upload of another program is gone on with by its id, with its bytes and no others; a chain tells both its sides', async () => {
  const owner = (await sdkUser()).open(url())
  const bytes = new Uint8Array(300_000).fill(7)
  const breaking = new AbortController()
  const begun = owner.upload(bytes, {
    fileName: 'film.mp4',
    chunkSize: 100_000,
    parallel: 1,
    resumeStore: null,
    signal: breaking.signal,
    onProgress: ({ phase, loadedBytes }) => void (phase === 'uploading' && loadedBytes > 0 && breaking.abort()),
  })
  await expect(begun).rejects.toMatchObject({ name: 'AbortError' })
  const taskId = String(begun.state().taskId)
  const other = owner.upload(new Uint8Array(300_000), { taskId, fileName: 'film.mp4' })
  await expect(other).rejects.toMatchObject({ code: 'SOURCE_CHANGED' })
  const resumed = owner.upload(bytes, { taskId, fileName: 'film.mp4' })
  expect(await resumed).toMatchObject({ size: 300_000 })
  expect(resumed.state()).toMatchObject({ taskId, isResumed: true })

  const [first, second] = await owner.tasks.createBatch([
    { ref: 'one', type: 'Echo', name: 'First' },
    { type: 'Echo', name: 'Second', after: ['one'] },
  ])
  const [one, two] = [String(first?.taskId), String(second?.taskId)]
  expect(await owner.tasks.chain(one)).toMatchObject({ before: [], after: [{ taskId: two, name: 'Second' }] })
  expect(await owner.tasks.chain(two)).toMatchObject({ before: [{ taskId: one, name: 'First' }], after: [] })
  await expect(client.tasks.chain(one)).rejects.toMatchObject({ code: 'TASK_NOT_FOUND' })
})
