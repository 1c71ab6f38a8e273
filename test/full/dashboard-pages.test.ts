import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { describe, expect, inject, it } from 'vitest'
import { z } from 'zod'
import { overflowOf, violationsOn } from '../dashboard/accessibility.ts'
import { useDashboard } from '../support/dashboard.ts'
import { nameOfFocus, walk } from '../support/keyboard.ts'
import { sdkUser } from '../support/sdk.ts'
import { until } from '../support/system.ts'

const defaultPoolId = '550e8400-e29b-41d4-a716-446655440000'
const pages = ['/files', '/tasks', '/queues', '/pools']

describe.skipIf(!inject('hasChromium'))('the pages of the dashboard', () => {
  const dashboard = useDashboard()
  const { tab } = dashboard

  it('take a folder that is dropped, with all that is in its folders', async () => {
    const album = join(dashboard.user.folder, 'album')
    await mkdir(join(album, 'summer', 'sea'), { recursive: true })
    await writeFile(join(album, 'cover.txt'), 'the cover')
    await writeFile(join(album, 'summer', 'sea', 'shell.txt'), 'a shell')
    const page = await tab()
    await drop(page, page.getByRole('region', { name: 'Upload', exact: true }), [album])
    const names = ['album/cover.txt', 'album/summer/sea/shell.txt']
    for (const name of names) await page.getByRole('table', { name: 'Files' }).getByText(name).waitFor()
    const { items } = await dashboard.client.files.list({ name: 'album/*' })
    expect(items.map(({ name }) => name).sort()).toEqual(names)
  })

  it('pause a band and resume it, which the ledger knows', async () => {
    const page = await tab({ path: '/queues' })
    const band = page.getByRole('region', { name: 'Low' })
    await band.getByRole('button', { name: 'Pause the low band' }).click()
    await band.getByText('Paused').waitFor()
    const { taskId } = await dashboard.client.tasks.create({ type: 'Echo', priority: 5 })
    expect((await dashboard.client.admin.bands()).find((one) => one.band === 'low')?.pausedAt).not.toBeNull()
    await until(async () => ((await waitingIn(page, 'Low')) === '1' ? true : undefined))
    expect((await dashboard.client.tasks.get(taskId)).status).toBe('Pending')
    await band.getByRole('button', { name: 'Resume the low band' }).click()
    await band.getByRole('button', { name: 'Pause the low band' }).waitFor()
    await until(async () => ((await dashboard.client.tasks.get(taskId)).status === 'Completed' ? true : undefined))
  })

  it('plot how long tasks waited in the last hour, also before the page was open', async () => {
    await dashboard.stage.sql`
      insert into band_minutes (band, minute, started, longest_wait_seconds)
      values ('normal', date_trunc('minute', now() - interval '30 minutes'), 1, 600)`
    const page = await tab({ path: '/queues' })
    const plot = page.getByRole('region', { name: 'Normal' }).getByRole('img', { name: /^Longest wait, last hour/ })
    expect(await plot.getAttribute('aria-label')).toContain('Most in a minute: 10 min')
    // Ten minutes before it began it came, so it waited in each of them.
    expect(await plot.locator('rect').count()).toBeGreaterThanOrEqual(9)
  })

  it('make a pool by a form, say what is wrong with one, change, disable and delete it', async () => {
    const page = await tab({ path: '/pools' })
    await page.getByRole('button', { name: 'New pool' }).click()
    const form = page.getByRole('dialog', { name: 'New pool' })
    await form.getByLabel('Name').fill('Archive')
    await form.getByLabel('Folder, below pools/').fill('../outside')
    await form.getByRole('button', { name: 'Make it' }).click()
    await form.getByRole('alert').waitFor()
    await form.getByLabel('Folder, below pools/').fill('pools/archive')
    await form.getByLabel('Largest file in MiB').fill('1')
    await form.getByLabel('Types, with commas between').fill('text/plain')
    await form.getByRole('button', { name: 'Make it' }).click()
    await form.waitFor({ state: 'detached' })
    const card = page.getByRole('region', { name: 'Archive', exact: true })
    await card.getByText('text/plain').waitFor()
    const made = (await dashboard.client.admin.pools()).find(({ name }) => name === 'Archive')
    expect(made?.policy).toMatchObject({ maxFileSize: 1024 * 1024, acceptedTypes: ['text/plain'] })

    await card.getByRole('button', { name: 'Change Archive' }).click()
    const change = page.getByRole('dialog', { name: 'Change Archive' })
    await change.getByLabel('Types, with commas between').fill('')
    await change.getByLabel('Name').fill('Vault')
    await change.getByRole('button', { name: 'Save' }).click()
    const vault = page.getByRole('region', { name: 'Vault', exact: true })
    await vault.getByRole('button', { name: 'Disable Vault' }).click()
    await vault.getByText('Disabled', { exact: true }).waitFor()
    expect(await dashboard.client.admin.pool(made?.id ?? '')).toMatchObject({ disabledAt: expect.any(String) })
    await vault.getByRole('button', { name: 'Enable Vault' }).click()
    await vault.getByText('Disabled', { exact: true }).waitFor({ state: 'detached' })
    await vault.getByRole('button', { name: 'Delete Vault' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).click()
    await vault.waitFor({ state: 'detached' })
    expect((await dashboard.client.admin.pools()).map(({ name }) => name)).not.toContain('Vault')
  })

  it('roll a migration back, by a form that says what that is', async () => {
    const owner = await sdkUser({ admin: true })
    const mine = owner.open(dashboard.url)
    const pool = await mine.admin.createPool({ name: 'Second', kind: 'local', settings: { path: 'pools/second' } })
    await writeFile(join(owner.folder, 'moved.txt'), 'to and fro')
    const file = await mine.upload(join(owner.folder, 'moved.txt'))
    const parameters = { sourcePoolId: defaultPoolId, targetPoolId: pool.id, bytesPerSecond: 1_000_000 }
    await mine.tasks.run({ type: 'StorageMigration', name: 'There', parameters })
    expect((await mine.files.get(file.id)).poolId).toBe(pool.id)

    const page = await tab({ path: '/pools', token: owner.token })
    await page.getByRole('button', { name: 'Roll back There' }).click()
    const form = page.getByRole('dialog', { name: 'Roll a migration back' })
    await form.getByText('also what lay there before').waitFor()
    await form.getByRole('button', { name: 'Create' }).click()
    await page.getByRole('region', { name: 'How it stands' }).getByText('Completed', { exact: true }).waitFor()
    expect((await mine.files.get(file.id)).poolId).toBe(defaultPoolId)
    const { items } = await mine.tasks.list({ type: 'StorageMigration' })
    expect(items[0]?.parameters).toMatchObject({ ...parameters, sourcePoolId: pool.id, targetPoolId: defaultPoolId })
  })

  it('say that the connection is gone, and that it is back', async () => {
    const page = await tab({ path: '/tasks' })
    await page.getByRole('status').getByText('Live', { exact: true }).waitFor()
    await page.context().setOffline(true)
    await page.getByText('You are offline. Uploads go on by themselves').waitFor()
    expect(await violationsOn(page)).toEqual([])
    const { taskId } = await dashboard.client.tasks.run({ type: 'Echo', name: 'Done meanwhile' })
    await page.context().setOffline(false)
    await page.getByText('You are offline').waitFor({ state: 'detached' })
    // What happened meanwhile is there without a reload.
    await page.getByRole('row', { name: /Done meanwhile/ }).waitFor()
    await dashboard.client.tasks.delete(taskId)
  })

  it('fit into their window at 200 % zoom, with every button in reach', async () => {
    // At 200 % a window of 1280 by 800 has room for 640 by 400 of CSS.
    const page = await tab({ viewport: { width: 640, height: 400 }, deviceScaleFactor: 2 })
    for (const path of pages) {
      await page.goto(`${dashboard.url}/#${path}`)
      await page.locator('main .panel').first().waitFor()
      expect([path, await overflowOf(page)]).toEqual([path, 0])
      const cut = await page.evaluate(outside)
      expect([path, cut]).toEqual([path, []])
    }
  })

  it('are walked by keyboard alone: everything is reached in order, and is seen to be', async () => {
    for (const path of pages) {
      const page = await tab({ path })
      await page.locator('main .panel').first().waitFor()
      const reached = await walk(page)
      expect(reached[0]).toMatchObject({ name: 'Skip to the content' })
      expect(reached.filter(({ isSeen }) => !isSeen)).toEqual([])
      const shown = z.array(z.string()).parse(await page.evaluate(buttonsAndLinks))
      const names = new Set(reached.map(({ name }) => name))
      expect([path, shown.filter((name) => !names.has(name))]).toEqual([path, []])
      await page.close()
    }
    const page = await tab({ path: '/queues' })
    await page.getByRole('button', { name: 'Pause the low band' }).focus()
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: 'Resume the low band' }).waitFor()
    expect(await nameOfFocus(page)).toBe('Resume the low band')
    await page.keyboard.press('Space')
    await page.getByRole('button', { name: 'Pause the low band' }).waitFor()
    // A dialog takes the focus, keeps it, and gives it back.
    await page.goto(`${dashboard.url}/#/pools`)
    await page.getByRole('button', { name: 'New pool' }).focus()
    await page.keyboard.press('Enter')
    const dialog = page.getByRole('dialog', { name: 'New pool' })
    await dialog.waitFor()
    for (let step = 0; step < 30; step++) {
      await page.keyboard.press('Tab')
      expect(await page.evaluate(isWithinDialog)).toBe(true)
    }
    await page.keyboard.press('Escape')
    await dialog.waitFor({ state: 'detached' })
    expect(await nameOfFocus(page)).toBe('New pool')
  })

  it('and the reference of the API have nothing that axe objects to, nor is that too wide', async () => {
    for (const colorScheme of ['light', 'dark'] as const) {
      const page = await tab({ colorScheme })
      await page.goto(`${dashboard.url}/docs`)
      await page.getByRole('heading', { level: 1 }).waitFor()
      expect(await violationsOn(page)).toEqual([])
      await page.setViewportSize({ width: 360, height: 740 })
      expect(await overflowOf(page)).toBe(0)
      await page.close()
    }
  })
})

/** Drops files of the system on a part of the page, as somebody does with a mouse: folders come as folders. */
async function drop(page: Page, target: ReturnType<Page['locator']>, files: string[]): Promise<void> {
  const box = await target.boundingBox()
  if (!box) throw new Error('there is nothing to drop on')
  const devtools = await page.context().newCDPSession(page)
  const place = { x: box.x + box.width / 2, y: box.y + 10 }
  const data = { items: [], files, dragOperationsMask: 1 }
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const) {
    await devtools.send('Input.dispatchDragEvent', { type, ...place, data })
  }
}

/** What a band's card says is waiting. */
async function waitingIn(page: Page, band: string): Promise<string> {
  const card = page.getByRole('region', { name: band, exact: true })
  return card.locator('dl.figures div', { hasText: 'Waiting' }).locator('dd').innerText()
}

// The page's own code, as text: what it names is the browser's and not ours.
const all =
  "[...document.querySelectorAll('header button, header a, main button:enabled, main a')].filter(at => at.checkVisibility())"
const buttonsAndLinks = `${all}.filter(at => at.closest('main')).map(at => at.getAttribute('aria-label') ?? at.innerText.trim())`
/** Those that lie beyond the left or right edge. */
const outside = `${all}.filter(at => {
  const { left, right, width } = at.getBoundingClientRect()
  return width > 0 && (left < -1 || right > document.documentElement.clientWidth + 1)
}).map(at => at.getAttribute('aria-label') ?? at.innerText)`
const isWithinDialog = "document.activeElement === document.body || !!document.activeElement.closest('dialog')"
