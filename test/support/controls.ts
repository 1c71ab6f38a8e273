import type { Locator, Page, Request } from 'playwright-core'
import { z } from 'zod'
import { until } from './system.ts'

/** Something on a page that is there to be pressed, by what a reader is told of it. */
export type Control = { name: string; kind: string; index: number; isSelect: boolean }

/** What came of pressing it: the first of these that was seen. */
export type Effect = 'request' | 'file chooser' | 'download' | 'dialog' | 'elsewhere' | 'change' | 'nothing'

export type Pressed = { name: string; effect: Effect; requests: string[] }

const noEffectAfterMs = 3000
const controls = z.array(z.object({ name: z.string(), kind: z.string(), index: z.number(), isSelect: z.boolean() }))

// The page's own code, as text: what it names is the browser's and not ours.
const pressable = 'button:enabled, a[href], select:enabled, summary'
/**
 * A link to where one is, and a choice that is made already, do nothing by right. Behind a dialog nothing can be pressed.
 */
const findControls = (scope: string) => `(() => {
  const within = document.querySelector('dialog[open]') ?? document.querySelector(${JSON.stringify(scope)})
  return [...within.querySelectorAll('${pressable}')].flatMap((at, index) => {
    const isDone = at.href === location.href || at.ariaCurrent === 'page' || at.ariaPressed === 'true'
    const label = at.getAttribute('aria-label') ?? at.labels?.[0]?.innerText ?? at.innerText
    const isSelect = at.tagName === 'SELECT'
    const name = label.trim().split('\\n')[0]
    const row = at.closest('.row, .upload, .running li')
    // In rows it is what it does that counts, which buttons have for their title, and not to what.
    const kind = at.tagName + (row ? at.className + (at.tagName === 'BUTTON' ? at.title : '') : name)
    return at.checkVisibility() && !isDone ? [{ name, kind, index, isSelect }] : []
  })
})()`
const standing = `(() => {
  const focused = [...document.querySelectorAll('*')].indexOf(document.activeElement)
  const chosen = [...document.querySelectorAll('select')].map(({ value }) => value).join()
  const shown = document.body.innerHTML + chosen
  return JSON.stringify([location.href, document.querySelectorAll('dialog[open]').length, focused, shown])
})()`
const standingOf = z.tuple([z.string(), z.number(), z.number(), z.string()])

/** What can be pressed within a part of the page, of rows that are alike one; when a dialog is open, within that. */
export async function controlsIn(page: Page, scope: string): Promise<Control[]> {
  const found = controls.parse(await page.evaluate(findControls(scope)))
  return found.filter((one, index) => found.findIndex(({ kind }) => kind === one.kind) === index)
}

/** Presses a control, or chooses the next of a list, and watches what comes of it. */
export async function press(page: Page, scope: string, { name, index, isSelect }: Control): Promise<Pressed> {
  const dialog = page.locator('dialog[open]')
  const within = (await dialog.count()) > 0 ? dialog : page.locator(scope).first()
  const control = within.locator(pressable).nth(index)
  // Pressing takes the focus, which is not what it is for.
  await control.focus()
  const seen = watch(page)
  const before = await standingNow(page)
  try {
    await (isSelect ? chooseNext(control) : control.click())
    const effect = await until(async () => effectOf(before, await standingNow(page), seen), noEffectAfterMs).catch(
      () => 'nothing' as const,
    )
    await settle(page, seen)
    const opened = (await standingNow(page))[1] > before[1]
    return {
      name,
      effect: opened ? 'dialog' : effect,
      requests: seen.requests.map((one) => `${one.method()} ${new URL(one.url()).pathname}`),
    }
  } finally {
    seen.stop()
  }
}

type Standing = z.output<typeof standingOf>
type Seen = { requests: Request[]; pending: Set<Request>; others: Effect[]; stop: () => void }

async function standingNow(page: Page): Promise<Standing> {
  return standingOf.parse(JSON.parse(String(await page.evaluate(standing))))
}

function effectOf(before: Standing, now: Standing, seen: Seen): Effect | undefined {
  const [other] = seen.others
  if (other !== undefined) return other
  if (seen.requests.length > 0) return 'request'
  if (now[1] !== before[1]) return 'dialog'
  if (now[0] !== before[0]) return 'elsewhere'
  return now[2] !== before[2] || now[3] !== before[3] ? 'change' : undefined
}

function watch(page: Page): Seen {
  const seen: Seen = { requests: [], pending: new Set(), others: [], stop: () => {} }
  const began = (request: Request): void => {
    seen.requests.push(request)
    seen.pending.add(request)
  }
  const ended = (request: Request): void => void seen.pending.delete(request)
  const choosing = (): void => void seen.others.push('file chooser')
  const downloading = (): void => void seen.others.push('download')
  page.on('request', began).on('requestfinished', ended).on('requestfailed', ended)
  page.on('filechooser', choosing).on('download', downloading)
  seen.stop = () => {
    page.off('request', began).off('requestfinished', ended).off('requestfailed', ended)
    page.off('filechooser', choosing).off('download', downloading)
  }
  return seen
}

/** Waits until all that a page asks for was answered, and is shown. */
export async function settled(page: Page, open: () => Promise<void>): Promise<void> {
  const seen = watch(page)
  try {
    await open()
    for (let before = ''; ; ) {
      await settle(page, seen)
      const now = String(await page.evaluate(standing))
      if (now === before && seen.pending.size === 0) return
      before = now
    }
  } finally {
    seen.stop()
  }
}

async function settle(page: Page, { pending }: Seen): Promise<void> {
  await until(async () => (pending.size === 0 ? true : undefined))
  await page.evaluate('new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(() => drawn(true))))')
}

async function chooseNext(select: Locator): Promise<void> {
  const current = await select.inputValue()
  // Its choices may have to be asked for.
  const next = await until(async () => {
    const options = await select.locator('option').all()
    const values = await Promise.all(options.map((option) => option.getAttribute('value')))
    return values.find((value) => value !== null && value !== current)
  })
  await select.selectOption(next)
}
