import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { describe, expect, inject, it } from 'vitest'
import type { Client } from '../../src/client/node.ts'
import { violationsOn } from '../dashboard/accessibility.ts'
import { clientOf } from '../support/client.ts'
import { type Control, controlsIn, press, type Pressed, settled } from '../support/controls.ts'
import { useDashboard } from '../support/dashboard.ts'
import { type SdkUser, sdkUser } from '../support/sdk.ts'
import { until } from '../support/system.ts'

const defaultPoolId = '550e8400-e29b-41d4-a716-446655440000'

/** A page in some state, and the part of it that is looked at. */
type View = { path: string; scope?: string; prepare?: (page: Page) => Promise<unknown> }
type Found = Pressed & { where: string }

describe.skipIf(!inject('hasChromium'))('no button, link or list of the dashboard is dead', () => {
  const dashboard = useDashboard({ workerArgs: ['--concurrency', '16'] })

  it('for an administrator, and nothing is removed for good without a question', async () => {
    const found = await pressAll(dashboard.user, await fill(dashboard.client, dashboard.user), [
      { path: '/queues' },
      { path: '/pools' },
    ])
    expect(found.filter(({ effect }) => effect === 'nothing')).toEqual([])
    const questions = found.filter(({ name }) => /^(Empty the trash|Delete Spare)$/.test(name))
    expect(questions).toMatchObject([
      { where: '/files?trash=1', effect: 'dialog', requests: [] },
      { where: '/pools', effect: 'dialog', requests: [] },
    ])
    const answers = found.filter(({ where }) => /, in (Empty the trash|Delete Spare)$/.test(where))
    expect(answers.map(({ name, requests }) => [name, requests])).toEqual([
      ['Close', []],
      ['Back', []],
      ['Remove them', ['DELETE /api/files/trash']],
      ['Close', []],
      ['Back', []],
      ['Delete', [expect.stringMatching(/^DELETE .*\/pools\//)]],
    ])
    const names = new Set(found.map(({ name }) => name))
    for (const one of ['Pause the low band', 'Open bull-board', 'Migrate …', 'Disable Spare'])
      expect(names).toContain(one)
  })

  it('for somebody who is none, and nothing is there that only administrators may', async () => {
    const user = await sdkUser()
    const found = await pressAll(user, await fill(user.open(dashboard.url), user), [{ path: '/pools' }])
    expect(found.filter(({ effect }) => effect === 'nothing')).toEqual([])
    expect(
      found.map(({ name }) => name).filter((name) => /band|bull-board|^Queues|New pool|^Disable/.test(name)),
    ).toEqual([])
    expect(found.flatMap(({ requests }) => requests).filter((request) => request.includes('/admin/'))).toEqual([])
    const page = await dashboard.tab({ path: '/queues', token: user.token })
    await page.getByRole('heading', { name: 'Files', level: 1 }).waitFor()
  })

  it('where one signs in', async () => {
    const page = await dashboard.tab()
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByLabel('Token').waitFor()
    const found: Pressed[] = []
    for (const control of await controlsIn(page, 'body')) found.push(await press(page, 'body', control))
    expect(found.map(({ name, effect }) => [name, effect])).toEqual([
      ['Sign in', 'change'],
      ['Colours: system', 'change'],
    ])
  })

  /** Has something in every list: files, an upload that was broken off, tasks in every state, pools, a migration. */
  async function fill(client: Client, user: SdkUser): Promise<View[]> {
    const spare = (await dashboard.client.admin.pools()).find(({ name }) => name === 'Filled')
    const settings = { path: 'pools/filled' }
    const pool = spare ?? (await dashboard.client.admin.createPool({ name: 'Filled', kind: 'local', settings }))
    if (spare === undefined) {
      await dashboard.client.admin.createPool({ name: 'Spare', kind: 'local', settings: { path: 'pools/spare' } })
    }
    const names = ['kept.txt', 'moved.txt', 'thrown-away.txt']
    const files = await Promise.all(
      names.map(async (name) => {
        await writeFile(join(user.folder, name), `${name} of ${user.account}`)
        return client.upload(join(user.folder, name))
      }),
    )
    const [kept = '', , thrown = ''] = files.map(({ id }) => id)
    const box = await client.bundles.create({ name: 'Box' })
    await client.files.moveToBundle(kept, box.id)
    await client.files.tag(kept, ['red'])
    await client.files.delete(thrown)
    const raw = await clientOf(dashboard.url, user.account)
    expect((await raw.create(Buffer.alloc(300, 'begun'), { fileName: 'begun.bin' })).status).toBe(200)
    const migration = { sourcePoolId: defaultPoolId, targetPoolId: pool.id, filter: { name: 'moved*' } }
    await client.tasks.run({ type: 'StorageMigration', name: 'There', parameters: migration })
    const count = (name: string) => client.tasks.create({ type: 'Count', name, parameters: { to: 1_000_000 } })
    const [running, held] = [await count('Running'), await count('Held')]
    await until(async () => ((await client.tasks.get(held.taskId)).status === 'InProgress' ? true : undefined))
    await client.tasks.pause(held.taskId)
    await until(async () => ((await client.tasks.get(running.taskId)).status === 'InProgress' ? true : undefined))
    await client.tasks.create({ type: 'Echo', name: 'Waiting', after: [running.taskId] })
    const failed = await client.tasks.create({
      type: 'Flaky',
      name: 'Broken',
      parameters: { failures: 0, permanent: true },
    })
    await until(async () => ((await client.tasks.get(failed.taskId)).status === 'Failed' ? true : undefined))
    return [
      { path: '/files', scope: 'body', prepare: selectAll },
      { path: '/files?tag=red' },
      { path: '/files?trash=1', prepare: selectAll },
      { path: '/files', scope: '[aria-labelledby=uploads-title]', prepare: (page) => refusedUpload(page, user) },
      { path: '/tasks' },
      { path: `/tasks/${running.taskId}` },
      { path: `/tasks/${failed.taskId}` },
    ]
  }

  async function pressAll(user: SdkUser, views: View[], more: View[]): Promise<Found[]> {
    const page = await dashboard.tab({ path: '/elsewhere', token: user.token })
    const feed = await refuseChanges(page)
    const found: Found[] = []
    for (const view of [...views, ...more]) {
      const scope = view.scope ?? 'main'
      const open = async (): Promise<void> => {
        feed.isTold = true
        await settled(page, async () => {
          await page.goto(`${dashboard.url}/#${view.path}`)
          await page.reload()
          await page.getByRole('status').getByText('Live', { exact: true }).waitFor()
          await page.locator('main .panel').first().waitFor()
          await view.prepare?.(page)
        })
        // From here on the page changes only by what is pressed.
        feed.isTold = false
      }
      await open()
      const shown = await controlsIn(page, scope)
      expect(shown.length).toBeGreaterThan(0)
      for (const control of shown) {
        await open()
        const pressed = await press(page, scope, control)
        found.push({ ...pressed, where: view.path })
        if (pressed.effect === 'dialog') found.push(...(await pressWithin(page, scope, control, open, view.path)))
      }
    }
    await page.close()
    return found
  }
})

/** Presses everything in a dialog, which is opened anew each time. */
async function pressWithin(
  page: Page,
  scope: string,
  opener: Control,
  open: () => Promise<void>,
  path: string,
): Promise<Found[]> {
  const where = `${path}, in ${opener.name}`
  expect([where, await violationsOn(page)]).toEqual([where, []])
  const found: Found[] = []
  for (const control of await controlsIn(page, scope)) {
    await open()
    await press(page, scope, opener)
    found.push({ ...(await press(page, scope, control)), where })
  }
  return found
}

/** Has the server refuse whatever the page would change, so that all of it can be pressed; and the feed fall silent on demand. */
async function refuseChanges(page: Page): Promise<{ isTold: boolean }> {
  const feed = { isTold: true }
  // Without it the browser asks where to save in a dialog of its own, which no test can see.
  await page.addInitScript('delete window.showSaveFilePicker')
  await page.route('**/api/**', (route) =>
    route.request().method() === 'GET'
      ? route.continue()
      : route.fulfill({
          status: 409,
          contentType: 'application/json',
          body: JSON.stringify({ code: 'REFUSED', message: 'Nothing is changed here.' }),
        }),
  )
  await page.routeWebSocket('**/ws*', (socket) => {
    socket.connectToServer().onMessage((message) => {
      if (feed.isTold) socket.send(message)
    })
  })
  return feed
}

async function selectAll(page: Page): Promise<void> {
  await page.getByLabel('Select all on this page').check()
  await page.getByRole('region', { name: 'Selected files' }).waitFor()
}

async function refusedUpload(page: Page, user: SdkUser): Promise<void> {
  const path = join(user.folder, 'refused.txt')
  await writeFile(path, 'no, thank you')
  await page.getByLabel('Choose files').setInputFiles(path)
  const uploads = page.getByRole('region', { name: 'Uploads', exact: true })
  await uploads.getByText('Nothing is changed here.').waitFor()
}
