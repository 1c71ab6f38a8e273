import { execFileSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { packageRoot } from '../../src/package-root.ts'
import { atEndOfEachFile } from './end-of-file.ts'

let browser: Promise<Browser> | undefined
const mishaps: string[] = []

atEndOfEachFile(async () => {
  const open = await browser
  browser = undefined
  await open?.close()
  const seen = mishaps.splice(0)
  if (seen.length > 0) throw new Error(`the page met with what nobody expected:\n${seen.join('\n')}`)
})

/** Closes every tab. What lies in the profiles of the browser is gone with them. */
export async function closeTabs(): Promise<void> {
  const contexts = (await browser)?.contexts() ?? []
  await Promise.all(contexts.map((context) => context.close()))
}

/** Where the system's Chromium is; undefined when there is none. */
export function findChromium(): string | undefined {
  const names = ['chromium', 'chromium-browser', 'google-chrome']
  const paths = (process.env['PATH'] ?? '')
    .split(delimiter)
    .flatMap((folder) => names.map((name) => join(folder, name)))
  return paths.find((path) => {
    try {
      accessSync(path, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** Builds the dashboard if it is stale. */
export function buildPage(): void {
  execFileSync(process.execPath, [join(packageRoot(), 'scripts', 'prepare.mjs'), '--page'], { stdio: 'inherit' })
}

export type TabOptions = BrowserContextOptions & {
  url: string
  /** Behind `#`. */
  path?: string
  /** Somebody who is signed in already. */
  token?: string
}

/** Opens a tab of a browser profile of its own. What the page reports as an error fails the test file in the end. */
export async function openTab({ url, path = '/files', token, ...options }: TabOptions): Promise<Page> {
  browser ??= launch()
  const context = await (await browser).newContext({ viewport: { width: 1280, height: 800 }, ...options })
  if (token !== undefined) {
    // Text, because what it names is the browser's and not ours.
    await context.addInitScript(`sessionStorage.setItem('longshore.token', ${JSON.stringify(token)})`)
  }
  const page = await context.newPage()
  page.setDefaultTimeout(20_000)
  page.on('pageerror', (error) => mishaps.push(error.message))
  page.on('console', (message) => {
    // A refusal is shown by the browser too; the tests look at what the page makes of it.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      mishaps.push(message.text())
  })
  await page.goto(`${url}/#${path}`)
  return page
}

function launch(): Promise<Browser> {
  const executablePath = findChromium()
  if (executablePath === undefined) throw new Error('there is no Chromium on the PATH')
  // Chromium has no sandbox for root.
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : []
  return chromium.launch({ executablePath, args: [...args, '--disable-dev-shm-usage'] })
}
