import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'
import { createClient } from '../src/client/node.ts'
import { packageRoot } from '../src/package-root.ts'

const usage = 'npm run screenshots -- <sign-in link that npm start printed>'

/** Fills a Longshore that runs on an empty data folder with things to look at, and takes the pictures of the README. */
const [link = ''] = process.argv.slice(2)
const chromiumPath = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium'
const noStore = { get: async () => undefined, set: async () => {}, delete: async () => {} }
const types: Record<string, string> = {
  pdf: 'application/pdf',
  docx: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  jpg: 'image/jpeg',
  csv: 'text/csv',
  wav: 'audio/wav',
}
const folder = join(packageRoot(), 'docs', 'images')

if (!link.includes('/#/sign-in/')) {
  console.error(`Usage: ${usage}`)
  process.exit(2)
}
const scratch = await mkdtemp(join(tmpdir(), 'longshore-pictures-'))
const args = process.getuid?.() === 0 ? ['--no-sandbox'] : []
const browser = await chromium.launch({ executablePath: chromiumPath, args })
try {
  await mkdir(folder, { recursive: true })
  await takeAll(browser)
} finally {
  await browser.close()
  await rm(scratch, { recursive: true, force: true })
}

async function takeAll(open: Browser): Promise<void> {
  const context = await open.newContext({ viewport: { width: 1200, height: 720 }, colorScheme: 'light' })
  const page = await context.newPage()
  await page.goto(link)
  await page.getByRole('heading', { name: 'Files', level: 1 }).waitFor()
  const token = String(await page.evaluate("localStorage.getItem('longshore.token')"))
  const origin = new URL(link).origin
  await fill(origin, token)
  const large = join(scratch, 'aerial-survey.tif')
  await writeFile(large, Buffer.alloc(96 * 1024 * 1024, 'survey'))
  await page.route('**/files/upload/chunk/**', async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 500))
    await route.continue()
  })
  await page.getByLabel('Choose files').setInputFiles(large)
  await page.getByText('left').waitFor()
  await page.screenshot({ path: join(folder, 'files.png') })
  await page.unrouteAll({ behavior: 'ignoreErrors' })
  await page.emulateMedia({ colorScheme: 'dark' })
  await page.goto(`${origin}/#/tasks`)
  await page.getByRole('row').nth(5).waitFor()
  await page.screenshot({ path: join(folder, 'tasks.png') })
}

async function fill(url: string, token: string): Promise<void> {
  const client = createClient({ url, token, resumeStore: noStore })
  const field = await client.bundles.create({ name: 'Field work' })
  const names = [
    'harbour-plan.pdf',
    'minutes-october.docx',
    'crane-07.jpg',
    'tide-tables.csv',
    'interview.wav',
    'invoice-2291.pdf',
  ]
  const ids: string[] = []
  for (const [index, fileName] of names.entries()) {
    const bytes = Buffer.alloc((index + 1) ** 3 * 41_000, fileName)
    const { id } = await client.upload(bytes, { fileName, contentType: types[fileName.split('.').at(-1) ?? ''] })
    ids.push(id)
    if (index % 2 === 0) await client.files.moveToBundle(id, field.id)
    if (index % 3 === 0) await client.files.tag(id, ['review'])
  }
  await client.tasks.run({ type: 'FileCompress', name: 'Pack the field work', parameters: { fileIds: ids } })
  const [archive = ''] = ids
  await client.tasks
    .run({ type: 'FileDecompress', name: 'Unpack the plans', parameters: { fileId: archive } })
    .catch(() => {})
  await client.tasks.run({
    type: 'FileEncrypt',
    name: 'Seal the invoice',
    parameters: { fileIds: ids.slice(5), password: 'tide and time' },
  })
  const { taskId } = await client.tasks.create({
    type: 'FileCompress',
    name: 'Pack all of it again',
    parameters: { fileIds: ids },
    priority: 10,
  })
  await client.tasks.pause(taskId).catch(() => {})
}
