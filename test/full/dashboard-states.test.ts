import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Page, Route } from 'playwright-core'
import { describe, expect, inject, it } from 'vitest'
import { violationsOn } from '../dashboard/accessibility.ts'
import { useDashboard } from '../support/dashboard.ts'
import { sdkUser } from '../support/sdk.ts'

/** Each page, with what it asks the server for, what it says while it waits, and what is there in the end. */
const pages = [
  { path: '/files', asks: '**/api/files?*', waits: 'Loading files', shows: 'Drop some above' },
  { path: '/files?trash=1', asks: '**/api/files?*', waits: 'Loading files', shows: 'The trash is empty' },
  { path: '/tasks', asks: '**/api/tasks?*', waits: 'Loading tasks', shows: 'No tasks yet' },
  { path: '/queues', asks: '**/api/admin/workers', waits: 'Loading queues', shows: 'slots' },
  { path: '/pools', asks: '**/api/usage', waits: 'Loading pools', shows: 'without a limit' },
]

describe.skipIf(!inject('hasChromium'))('each page of the dashboard', () => {
  const dashboard = useDashboard()
  /** A tab of an administrator who has nothing yet. */
  const emptyTab = async () => dashboard.tab({ path: '/elsewhere', token: (await sdkUser({ admin: true })).token })
  /** A page whose live feed tells nothing, so that what it shows is what it asked for. */
  const muted = async (page: Page): Promise<void> => {
    await page.routeWebSocket('**/ws*', () => {})
    // What is routed counts for pages that are loaded after it.
    await page.goto(`${dashboard.url}/docs`)
  }

  it.for(pages)('$path says that it loads, and then what there is', async ({ path, asks, waits, shows }) => {
    const page = await emptyTab()
    await muted(page)
    let letGo = (): void => {}
    const held = new Promise<void>((resolve) => {
      letGo = resolve
    })
    await page.route(asks, async (route) => {
      await held
      await route.continue()
    })
    await page.goto(`${dashboard.url}/#${path}`)
    await page.getByRole('status', { name: waits }).waitFor()
    expect(await violationsOn(page)).toEqual([])
    letGo()
    await page.getByText(shows).first().waitFor()
    expect(await page.getByRole('status', { name: waits }).count()).toBe(0)
  })

  it.for(pages)('$path says what the server refused, and asks again when told to', async ({ path, asks, shows }) => {
    const page = await emptyTab()
    await muted(page)
    await page.route(asks, (route) => refuse(route, 'The ledger has gone for a walk.'))
    await page.goto(`${dashboard.url}/#${path}`)
    const failure = page.getByRole('alert').filter({ hasText: 'This could not be loaded.' })
    await failure.getByText('The ledger has gone for a walk.').waitFor()
    expect(await violationsOn(page)).toEqual([])
    await page.unroute(asks)
    await failure.getByRole('button', { name: 'Try again' }).click()
    await page.getByText(shows).first().waitFor()
    expect(await failure.count()).toBe(0)
  })

  it.for(pages)('$path says that nobody answers', async ({ path, asks, shows }) => {
    const page = await emptyTab()
    await muted(page)
    await page.route(asks, (route) => route.abort('connectionrefused'))
    await page.goto(`${dashboard.url}/#${path}`)
    const again = page.getByRole('button', { name: 'Try again' })
    const failure = page.getByRole('alert').filter({ hasText: 'The server cannot be reached.', has: again })
    await failure.waitFor()
    await page.unroute(asks)
    await failure.getByRole('button', { name: 'Try again' }).click()
    await page.getByText(shows).first().waitFor()
    expect(await failure.count()).toBe(0)
  })

  it('of a task says that it loads, what is wrong, and when there is none', async () => {
    const { taskId } = await dashboard.client.tasks.run({ type: 'Echo', name: 'Here it is' })
    const page = await dashboard.tab({ path: '/elsewhere' })
    await muted(page)
    const asks = `**/api/tasks/${taskId}/events*`
    let letGo = (): void => {}
    const held = new Promise<void>((resolve) => {
      letGo = resolve
    })
    await page.route(asks, async (route) => {
      await held
      await refuse(route, 'Its history is being rewritten.')
    })
    await page.goto(`${dashboard.url}/#/tasks/${taskId}`)
    await page.getByRole('status', { name: 'Loading the task' }).waitFor()
    letGo()
    const failure = page.getByRole('alert').filter({ hasText: 'Its history is being rewritten.' })
    await failure.waitFor()
    expect(await violationsOn(page)).toEqual([])
    await page.unroute(asks)
    await failure.getByRole('button', { name: 'Try again' }).click()
    await page.getByRole('heading', { name: 'Here it is' }).waitFor()
    await page.goto(`${dashboard.url}/#/tasks/550e8400-e29b-41d4-a716-446655440099`)
    await page.getByRole('alert').filter({ hasText: 'There is no such task.' }).waitFor()
  })

  it('leads to the sign-in when the token has run out meanwhile, and says so', async () => {
    const page = await dashboard.tab({ path: '/tasks' })
    await page.getByRole('heading', { name: 'Tasks', level: 1 }).waitFor()
    await page.route('**/api/**', (route) => refuse(route, 'The token has expired.', 401))
    await page.goto(`${dashboard.url}/#/pools`)
    await page.getByText('Your sign-in has ended. Sign in again to go on.').waitFor()
    expect(await violationsOn(page)).toEqual([])
  })

  it('keeps what it knows while an upload is refused, and says why', async () => {
    const page = await dashboard.tab()
    const path = join(dashboard.user.folder, 'refused.txt')
    await writeFile(path, 'no, thank you')
    await page.route('**/files/upload/create', (route) => refuse(route, 'There is no room for it.'))
    await page.getByLabel('Choose files').setInputFiles(path)
    const uploads = page.getByRole('region', { name: 'Uploads', exact: true })
    await uploads.getByText('There is no room for it.').waitFor()
    expect(await violationsOn(page)).toEqual([])
    await page.unrouteAll()
    await uploads.getByRole('button', { name: 'Try again refused.txt' }).click()
    await uploads.getByText('Uploaded and verified').waitFor()
  })
})

/** Answers as the server does that refuses something for good. */
function refuse(route: Route, message: string, status = 409): Promise<void> {
  return route.fulfill({ status, contentType: 'application/json', body: JSON.stringify({ code: 'REFUSED', message }) })
}
