import { randomBytes, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { runTask } from '../support/job-files.ts'
import { openPlain, refusedUpgrade, signInPlain } from '../support/plain-socket.ts'
import { expectRefusal } from '../support/refusal.ts'
import { openStage, type Stage } from '../support/stage.ts'

let stage: Stage
beforeAll(async () => {
  stage = await openStage({ env: { LOG_LEVEL: 'trace', SECRETS_KEYS: randomBytes(32).toString('base64') } })
})
afterAll(() => stage.close())

/** So long a piece of a secret in a log is too much. */
const toldLength = 8
const random = () => randomBytes(24).toString('base64url')

it('no log has a token or a password in it, whatever came of the request that brought it', async () => {
  const client = await stage.client()
  const { url, token, call } = client
  const as = (bearer: string) => ({ authorization: `Bearer ${bearer}` })
  const secrets = { token }
  const keep = (name: string, value: string) => {
    Object.assign(secrets, { [name]: value })
    return value
  }

  // In the query, where they never count.
  expectRefusal(await call('GET', `/api/files?token=${token}`), 400, 'VALIDATION_FAILED')
  expect(await refusedUpgrade(url, `/ws?token=${token}`)).toMatchObject({ status: 401 })

  // Bad ones.
  const forged = keep('forged', `${token.slice(0, token.lastIndexOf('.'))}.${randomBytes(32).toString('base64url')}`)
  expectRefusal(await call('GET', '/api/files', { headers: as(forged) }), 401, 'TOKEN_INVALID')
  const stranger = await openPlain(url)
  stranger.send({ type: 'auth', token: forged })
  await stranger.closed
  const signedIn = await signInPlain(url, token, [])
  for (const torn of [`{"type":"auth","token":"${token}"x}`, `"${token}`, token]) signedIn.send(torn)
  await vi.waitFor(() => expect(signedIn.packets.filter(({ type }) => type === 'error')).toHaveLength(3))

  // Of an upload, good and made up.
  const bundleId = (await call('POST', '/api/bundles', { body: { name: 'b' } })).body['id']
  const minted = await call('POST', '/api/tokens', { body: { bundleId, maxBytes: 1000 } })
  const uploadToken = keep('upload token', String(minted.body['token']))
  expectRefusal(await call('GET', '/api/files', { headers: as(uploadToken) }), 403, 'FORBIDDEN')
  const unknown = keep('unknown upload token', `lsu_${randomBytes(32).toString('base64url')}`)
  expect((await call('GET', '/api/files', { headers: as(unknown) })).status).toBe(401)

  // Passwords and passcodes: taken, refused by their fields, wrong, and in JSON that is torn.
  const password = keep('password', random())
  const created = await client.create(randomBytes(10), { encryptPassword: password, chunkSize: 10 })
  expect(created.status).toBe(200)
  expectRefusal(
    await client.create(randomBytes(10), { encryptPassword: password, nothing: 1 }),
    400,
    'VALIDATION_FAILED',
  )
  const passcode = keep('passcode', random())
  const share = (await call('POST', '/api/bundles', { body: { name: 's', shared: true, passcode } })).body
  const wrong = keep('wrong passcode', random())
  const access = `/api/shared/${String(share['slug'])}/access`
  expectRefusal(await call('POST', access, { body: { passcode: wrong } }), 403, 'PASSCODE_WRONG')
  const opened = await call('POST', access, { body: { passcode } })
  keep('access token', String(opened.body['accessToken']))
  for (const torn of [
    `{"encryptPassword":"${password}"`,
    `{"encryptPassword":"${password}",}`,
    `"${password}`,
    password,
  ]) {
    const headers = { ...as(token), 'content-type': 'application/json' }
    const answer = await fetch(`${url}/api/files/upload/create`, { method: 'POST', headers, body: torn })
    expect(await answer.json()).toMatchObject({ code: 'MALFORMED_JSON' })
  }

  const logs = [...stage.system.apis, ...stage.system.workers].map((process) => process.output()).join('\n')
  expect(logs).toContain('a request was refused')
  const told = Object.entries(secrets).filter(([, secret]) =>
    Array.from({ length: secret.length - toldLength + 1 }, (_, at) => secret.slice(at, at + toldLength)).some(
      (piece) => logs.includes(piece) && !isHeadOf(piece, token),
    ),
  )
  expect(told.map(([name]) => name)).toEqual([])
})

it('lines about a request have its id, and lines about a task the task’s', async () => {
  const client = await stage.client()
  const headers = { 'x-request-id': 'gateway-4712' }
  expectRefusal(await client.call('GET', '/api/tasks/nothing', { headers }), 404, 'TASK_NOT_FOUND')
  const task = await runTask(client, 'FileCompress', { fileIds: [randomUUID()] })
  expect(task).toMatchObject({ status: 'Failed' })
  const linesOf = (process: { output: () => string } | undefined) =>
    (process?.output() ?? '')
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line): unknown => JSON.parse(line))
  const refused = { requestId: 'gateway-4712', path: '/api/tasks/nothing', code: 'TASK_NOT_FOUND' }
  await vi.waitFor(() => expect(linesOf(stage.system.apis[0])).toContainEqual(expect.objectContaining(refused)))
  const failed = { taskId: task['taskId'], epoch: 1, msg: 'a task failed for good' }
  await vi.waitFor(() => expect(linesOf(stage.system.workers[0])).toContainEqual(expect.objectContaining(failed)))
})

/** The head of a JWT says only how it is signed. */
function isHeadOf(piece: string, token: string): boolean {
  return token.slice(0, token.indexOf('.')).includes(piece)
}
