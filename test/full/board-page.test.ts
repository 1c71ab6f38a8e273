import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest'
import { buildPage, closeTabs, openTab } from '../support/browser.ts'
import { type SdkUser, sdkUser } from '../support/sdk.ts'
import { openStage, type Stage } from '../support/stage.ts'
import { createTask, withTestTypes } from '../support/tasks.ts'

const places = [
  { title: 'Postgres', redisUrl: undefined },
  { title: 'Redis', redisUrl: inject('redisUrl') },
]

describe.skipIf(!inject('hasChromium')).each(places)('the board of queues in $title, in a browser', ({ redisUrl }) => {
  let stage: Stage
  let admin: SdkUser
  const url = (): string => stage.system.urls[0] ?? ''

  beforeAll(async () => {
    buildPage()
    stage = await openStage({ redisUrl, env: withTestTypes, workerArgs: ['--queues', 'high'] })
    admin = await sdkUser({ admin: true })
  })
  afterEach(closeTabs)
  afterAll(() => stage.close())

  /** Nothing of it may be asked of anybody else; what its policy forbids is an error on the console, which fails the test. */
  const watchingOutside = (page: Page): string[] => {
    const outside: string[] = []
    page.on('request', (request) => void (request.url().startsWith(url()) || outside.push(request.url())))
    return outside
  }

  it('opens from the page of the queues, shows jobs, and offers nothing that would change them', async () => {
    const taskId = await createTask(await stage.client(), 'Echo', {}, { priority: 50 })
    const page = await openTab({ url: url(), path: '/queues', token: admin.token })
    const outside = watchingOutside(page)
    await page.getByRole('link', { name: 'Open bull-board' }).click()
    await page.waitForURL(`${url()}/admin/queues/`)
    await page
      .getByRole('link', { name: /normal/ })
      .first()
      .click()
    await page.goto(`${url()}/admin/queues/queue/normal?status=prioritized`)
    await page.getByText(taskId).first().waitFor()
    await page
      .getByRole('link', { name: new RegExp(taskId) })
      .first()
      .click()
    await page.getByText('dispatch').first().waitFor()
    for (const name of [/retry/i, /promote/i, /clean/i, /remove/i, /empty/i, /pause/i, /obliterate/i, /add job/i]) {
      expect([String(name), await page.getByRole('button', { name }).count()]).toEqual([String(name), 0])
    }
    expect(outside).toEqual([])
  })

  it('is closed to who comes without having opened it', async () => {
    const page = await openTab({ url: url(), path: '/queues', token: admin.token })
    await page.goto(`${url()}/admin/queues/`)
    await page.getByRole('heading', { name: 'This board is closed' }).waitFor()
    await page.getByRole('link', { name: 'Queues' }).click()
    await page.getByRole('heading', { name: 'Queues', level: 1 }).waitFor()
    expect(page.url()).toBe(`${url()}/#/queues`)
  })
})
