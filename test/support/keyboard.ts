import type { Page } from 'playwright-core'
import { z } from 'zod'

const stop = z.object({ name: z.string(), isSeen: z.boolean() })
type Stop = z.output<typeof stop>

/** What has the focus: its name, and whether something about it shows that. */
const focused = `(() => {
  const at = document.activeElement
  if (!at || at === document.body) return undefined
  const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(at)
  const isSeen = (outlineStyle !== 'none' && parseFloat(outlineWidth) > 0) || boxShadow !== 'none' || at.tagName === 'MAIN'
  return { name: at.getAttribute('aria-label') ?? at.innerText?.trim() ?? '', isSeen }
})()`

/** Goes through a page by the tabulator, until it is through. */
export async function walk(page: Page): Promise<Stop[]> {
  const reached: Stop[] = []
  for (let step = 0; step < 200; step++) {
    await page.keyboard.press('Tab')
    const at: unknown = await page.evaluate(focused)
    if (at === undefined || at === null) return reached
    reached.push(stop.parse(at))
  }
  throw new Error('there is no end to it')
}

/** The name of what has the focus. */
export async function nameOfFocus(page: Page): Promise<string | undefined> {
  return stop.safeParse(await page.evaluate(focused)).data?.name
}
