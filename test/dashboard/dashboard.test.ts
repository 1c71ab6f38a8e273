import { createHash, randomBytes } from 'node:crypto'
import { open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { describe, expect, inject, it } from 'vitest'
import { makeSignInCode } from '../../src/auth/sign-in-code.ts'
import { openTab } from '../support/browser.ts'
import { useDashboard } from '../support/dashboard.ts'
import { sdkUser } from '../support/sdk.ts'
import type { Stage } from '../support/stage.ts'
import { until } from '../support/system.ts'
import { overflowOf, violationsOn } from './accessibility.ts'

describe.skipIf(!inject('hasChromium'))('the dashboard', { timeout: 90_000 }, () => {
  const dashboard = useDashboard()
  const { tab } = dashboard

  it('is served to everybody, under a policy that takes nothing from elsewhere, and hides no path of the API', async () => {
    const page = await fetch(`${dashboard.url}/`)
    expect(page.status).toBe(200)
    expect(page.headers.get('cache-control')).toBe('no-cache')
    expect(page.headers.get('content-security-policy')).toMatch(
      /default-src 'none';.*script-src 'self' 'wasm-unsafe-eval';/,
    )
    const [, script = ''] = /src="\.(\/assets\/[^"]+\.js)"/.exec(await page.text()) ?? []
    const asset = await fetch(dashboard.url + script)
    expect(asset.headers.get('cache-control')).toBe('public, max-age=31536000, immutable')
    for (const path of ['/api/nothing', '/drive/nothing', '/health/nothing', '/assets/nothing.js', '/files']) {
      const answer = await fetch(dashboard.url + path)
      expect([path, answer.status, JSON.parse(await answer.text()).code]).toEqual([path, 404, 'ROUTE_NOT_FOUND'])
    }
  })

  it('says why a token is not taken, takes a good one, and lets go of it', async () => {
    const page = await openTab({ url: dashboard.url, path: '/tasks' })
    await page.getByLabel('Token').fill('nonsense')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await expectText(page, 'This is not a token.')
    await page.getByLabel('Token').fill(`${dashboard.user.token}x`)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('alert').filter({ hasText: 'token' }).waitFor()
    await page.getByLabel('Token').fill(dashboard.user.token)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('heading', { name: 'Tasks', level: 1 }).waitFor()
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByLabel('Token').waitFor()
    await page.reload()
    await page.getByLabel('Token').waitFor()
  })

  it('a link signs in once, and its code is in the address no longer', async () => {
    const code = await makeSignInCode(dashboard.stage.system.dataDir, dashboard.user.token)
    const page = await openTab({ url: dashboard.url, path: `/sign-in/${code}` })
    await page.getByRole('heading', { name: 'Files', level: 1 }).waitFor()
    expect(page.url()).toBe(`${dashboard.url}/#/files`)
    const late = await openTab({ url: dashboard.url, path: `/sign-in/${code}` })
    await expectText(late, 'This link has been used')
  })

  it('uploads 200 MiB through a reload in the middle, and sends only what was missing', async () => {
    const path = join(dashboard.user.folder, 'film.mp4')
    const hash = await writeLargeFile(path, 200)
    const page = await tab()
    const network = await paceUploads(page, 24)
    await page.getByLabel('Choose files').setInputFiles(path)
    await until(async () => ((await progressOf(page, 'film.mp4')) >= 30 ? true : undefined))
    await page.reload()
    await network.full()
    const [unfinished] = (await dashboard.client.uploads.list({ status: 'InProgress' })).items
    const { uploadedChunks } = await dashboard.client.uploads.get(unfinished?.taskId ?? '')
    expect(uploadedChunks.length).toBeGreaterThanOrEqual(12)
    const sent: number[] = []
    page.on('request', (request) => {
      const [, index] = /\/files\/upload\/chunk\/[^/]+\/(\d+)$/.exec(request.url()) ?? []
      if (index !== undefined) sent.push(Number(index))
    })
    const panel = page.getByRole('region', { name: 'Unfinished uploads' })
    await panel.getByText('film.mp4').waitFor()
    await panel.getByLabel('Choose the file', { exact: true }).setInputFiles(path)
    await expectText(page, 'Uploaded and verified', 60_000)
    expect(sent.length).toBeGreaterThan(0)
    expect(sent.filter((index) => uploadedChunks.includes(index))).toEqual([])
    const { items } = await dashboard.client.files.list({ name: 'film.mp4' })
    expect(items).toMatchObject([{ size: 200 * 1024 * 1024, hash }])
    await page.getByRole('table', { name: 'Files' }).getByText('film.mp4').waitFor()

    await page.getByLabel('Choose files').setInputFiles(path)
    await expectText(page, 'Instant: the server had these bytes already')
  })

  it('makes a task of selected files by a form of its type’s schema, and shows its way to the end', async () => {
    const path = join(dashboard.user.folder, 'letters.txt')
    await writeFile(path, 'Dear Ada, '.repeat(1000))
    const page = await tab()
    await page.getByLabel('Choose files').setInputFiles(path)
    await page.getByLabel('Select letters.txt').check()
    await page.getByLabel('Create a task').selectOption({ label: 'Compress files' })
    const form = page.getByRole('dialog', { name: 'Compress files' })
    await form.getByLabel('Compression level').fill('99')
    await form.getByLabel('Compression format').selectOption('tar.gz')
    await form.getByLabel('Compression level').fill('9')
    await form.getByLabel('Output file name').fill('letters.tar.gz')
    await form.getByRole('button', { name: 'Create' }).click()
    await page.getByRole('region', { name: 'How it stands' }).getByText('Completed', { exact: true }).waitFor()
    expect(await page.getByRole('region', { name: 'Timeline' }).getByRole('listitem').allInnerTexts()).toMatchObject([
      expect.stringContaining('Created'),
      expect.stringContaining('Started'),
      expect.stringContaining('Completed'),
    ])
    expect((await dashboard.client.files.list({ name: 'letters.tar.gz' })).total).toBe(1)
  })

  it('shows what others do as it happens; cancels and tries again', async () => {
    const page = await tab({ path: '/tasks?type=Count' })
    await expectText(page, 'No task fits')
    const { taskId } = await dashboard.client.tasks.create({
      type: 'Count',
      name: 'The long one',
      parameters: { to: 100_000 },
    })
    const row = page.getByRole('row', { name: /The long one/ })
    await row.getByText('Running').waitFor()
    await row.getByRole('button', { name: 'Cancel' }).click()
    await row.getByText('Cancelled').waitFor()
    await until(async () => ((await dashboard.client.tasks.get(taskId)).status === 'Cancelled' ? true : undefined))
    await row.getByRole('button', { name: 'Retry' }).click()
    await row.getByText('Running').waitFor()
    await row.getByRole('button', { name: 'Pause' }).click()
    await row.getByText('Paused').waitFor()
    await row.getByRole('button', { name: 'Cancel' }).click()

    const short = await dashboard.client.tasks.create({ type: 'Count', name: 'The short one', parameters: { to: 60 } })
    await page
      .getByRole('row', { name: /The short one/ })
      .getByText('Completed')
      .waitFor()
    const [first, second] = await dashboard.client.tasks.createBatch([
      { ref: 'one', type: 'Count', name: 'First', parameters: { to: 100_000 } },
      { type: 'Echo', name: 'Second', after: ['one'] },
    ])
    await page.goto(`${dashboard.url}/#/tasks/${second?.taskId}`)
    await page.getByRole('region', { name: 'Chain' }).getByRole('link', { name: 'First' }).click()
    await page.getByRole('region', { name: 'Chain' }).getByRole('link', { name: 'Second' }).waitFor()
    await page.getByRole('button', { name: 'Cancel First' }).click()
    await page.getByRole('region', { name: 'How it stands' }).getByText('Cancelled', { exact: true }).waitFor()
    expect(await dashboard.client.tasks.get(first?.taskId ?? '')).toMatchObject({ status: 'Cancelled' })
    await dashboard.client.tasks.delete(short.taskId)
  })

  it('makes only the rows of 10,000 tasks that are near what is seen, and gets to the last', async () => {
    const owner = await sdkUser()
    const { taskId } = await owner.open(dashboard.url).tasks.run({ type: 'Echo', name: 'Number 0' })
    await copyTask(dashboard.stage, taskId, 10_000)
    const page = await tab({ path: '/tasks', token: owner.token })
    await expectText(page, '10,001 tasks')
    await page.getByRole('row', { name: /Number 1 / }).waitFor()
    const rows = page.getByRole('table', { name: 'Tasks' }).getByRole('row')
    expect(await rows.count()).toBeLessThan(80)
    await page.evaluate('scrollTo(0, document.documentElement.scrollHeight)')
    await page.getByRole('row', { name: /Number 10000 / }).waitFor()
    expect(await rows.count()).toBeLessThan(80)
  })

  it('has nothing on any page that axe objects to, in light and dark, nor is any too wide for a phone', async () => {
    const task = await dashboard.client.tasks.run({ type: 'Count', parameters: { to: 2 } })
    const paths = ['/files', '/files?trash=1', '/tasks', `/tasks/${task.taskId}`, '/queues', '/pools']
    const problems: string[] = []
    for (const colorScheme of ['light', 'dark'] as const) {
      const page = await tab({ colorScheme })
      for (const path of paths) {
        await page.setViewportSize({ width: 1280, height: 800 })
        await page.goto(`${dashboard.url}/#${path}`)
        await page.locator('main .panel').first().waitFor()
        problems.push(...(await violationsOn(page)).map((problem) => `${colorScheme} ${path} ${problem}`))
        await page.setViewportSize({ width: 360, height: 740 })
        const overflow = await overflowOf(page)
        if (overflow > 0) problems.push(`${path} is ${overflow} px too wide for a phone`)
      }
      await page.close()
    }
    const signIn = await openTab({ url: dashboard.url })
    await signIn.getByLabel('Token').waitFor()
    problems.push(...(await violationsOn(signIn)))
    expect(problems).toEqual([])
  })
})

async function expectText(page: Page, text: string, timeout = 20_000): Promise<void> {
  await page.getByText(text).first().waitFor({ timeout })
}

async function progressOf(page: Page, name: string): Promise<number> {
  const bar = page.getByRole('progressbar', { name: `Upload of ${name}` })
  return Number(await bar.getAttribute('aria-valuenow'))
}

/** Holds what the page sends to so many MiB a second, until it may send as fast as it can. */
async function paceUploads(page: Page, mebibytesPerSecond: number): Promise<{ full: () => Promise<unknown> }> {
  const network = await page.context().newCDPSession(page)
  const paceTo = (uploadThroughput: number) =>
    network.send('Network.emulateNetworkConditions', {
      offline: false,
      latency: 0,
      downloadThroughput: -1,
      uploadThroughput,
    })
  await network.send('Network.enable')
  await paceTo(mebibytesPerSecond * 1024 * 1024)
  return { full: () => paceTo(-1) }
}

/** Writes so many MiB that are all different, and answers their SHA-256. */
async function writeLargeFile(path: string, mebibytes: number): Promise<string> {
  const hash = createHash('sha256')
  const block = randomBytes(1024 * 1024)
  const file = await open(path, 'w')
  for (let index = 0; index < mebibytes; index++) {
    block.writeUInt32BE(index)
    hash.update(block)
    await file.write(block)
  }
  await file.close()
  return hash.digest('hex')
}

/** Copies a task that has ended, each copy a second older and named by its number. */
async function copyTask({ sql }: Stage, taskId: string, copies: number): Promise<void> {
  const columns = await sql<{ name: string }[]>`
    select column_name as name from information_schema.columns
    where table_name = 'tasks' and table_schema = 'public' and is_generated = 'NEVER'`
  const names = columns.map(({ name }) => name)
  const copied = names.map((name) => `(copy).${name}`)
  await sql.unsafe(
    `insert into tasks (${names.join(', ')}) select ${copied.join(', ')} from (
      select jsonb_populate_record(tasks, jsonb_build_object('id', gen_random_uuid(), 'name', 'Number ' || number || ' of many',
        'created_at', created_at - number * interval '1 second')) as copy
      from tasks, generate_series(1, ${copies}) as number where id = $1) as copies`,
    [taskId],
  )
}
