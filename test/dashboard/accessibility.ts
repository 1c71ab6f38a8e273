import axe from 'axe-core'
import type { Page } from 'playwright-core'
import { z } from 'zod'

const found = z.array(
  z.object({
    id: z.string(),
    help: z.string(),
    nodes: z.array(z.object({ html: z.string(), failureSummary: z.string() })),
  }),
)

/** What axe has against a page as it stands: a line for each place. */
export async function violationsOn(page: Page): Promise<string[]> {
  // The page's policy takes no script of others; the debugger may run what it likes.
  await page.evaluate(axe.source)
  const violations = found.parse(await page.evaluate('axe.run(document).then(({ violations }) => violations)'))
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html}\n  ${failureSummary}`),
  )
}

/** How many pixels the page is wider than its window. */
export async function overflowOf(page: Page): Promise<number> {
  return z
    .number()
    .parse(await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth'))
}
