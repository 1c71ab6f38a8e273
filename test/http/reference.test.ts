import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { html, inline } from '../../src/http/reference/html.ts'
import { everyOperation } from '../support/operations.ts'
import { openApi } from '../support/routes.ts'
import { openStage, type Stage } from '../support/stage.ts'

describe('the page of the API', () => {
  let stage: Stage
  let page = ''
  let headers: Headers
  beforeAll(async () => {
    stage = await openStage({ workers: 0 })
    const response = await get('/docs')
    page = await response.text()
    headers = response.headers
  })
  afterAll(() => stage.close())

  const get = (path: string): Promise<Response> => fetch(`${stage.system.urls[0]}${path}`)
  const found = (pattern: RegExp): string[] => [...page.matchAll(pattern)].map(([, one]) => one ?? '')

  it('is HTML for everybody, that may load our own files alone', () => {
    expect(headers.get('content-type')).toBe('text/html; charset=utf-8')
    const policy = headers.get('content-security-policy')
    expect(policy).toContain("default-src 'none'; style-src 'self'; script-src 'self'")
    expect(policy).not.toContain('unsafe')
  })

  it('has every operation once, with its place, an example, what it answers, and every named schema', () => {
    const ids = found(/ id="([^"]+)"/g)
    expect(new Set(ids).size).toBe(ids.length)
    for (const { name, method, path, operation } of everyOperation()) {
      const [, article = ''] = page.split(`<article aria-labelledby="${name}">`)
      const own = article.split('</article>')[0] ?? ''
      expect(own).toContain(`<span class="method">${method}</span> ${path}`)
      expect(own).toMatch(new RegExp(`id="curl-${name}">curl .*\\$LONGSHORE_URL/`))
      for (const parameter of operation.parameters) expect(own).toContain(`<code>${parameter.name}</code>`)
      for (const status of Object.keys(operation.responses)) {
        expect(own.includes(`<th scope="row">${status}</th>`)).toBe(status !== 'default')
      }
    }
    for (const schema of Object.keys(openApi().components.schemas)) expect(ids).toContain(`schema-${schema}`)
  })

  it('loads what is there, from here, and links to what is there', async () => {
    const loaded = found(/<(?:link|script|img)[^>]*(?:href|src)="([^"]+)"/g)
    expect(loaded).toEqual(['/docs/style.css', '/docs/copy.js'])
    for (const path of loaded) {
      const response = await get(path)
      expect(response.status).toBe(200)
      expect(await response.text()).not.toMatch(/url\(|@import|https?:/)
    }
    expect(page).not.toMatch(/<script(?! src="\/docs\/copy.js" defer>)|<style| style=| on\w+=/)
    const ids = new Set(found(/ id="([^"]+)"/g))
    expect(found(/href="#([^"]+)"/g).filter((id) => !ids.has(id))).toEqual([])
    expect(found(/href="(\/[^"]*)"/g).sort()).toEqual(['/docs/style.css', '/openapi.json'])
  })

  it('says what it is to who cannot see it: language, landmarks, headings in order, labels', () => {
    expect(page).toMatch(/<html lang="en">/)
    expect(found(/<(main|nav|header)\b/g).sort()).toEqual(['header', 'main', 'nav'])
    expect(found(/<(h1)>/g)).toHaveLength(1)
    const levels = found(/<h([1-6])\b/g).map(Number)
    expect(levels.filter((level, index) => level > (levels[index - 1] ?? 0) + 1)).toEqual([])
    for (const scrolled of found(/(<(?:div class="scroll"|pre)[^>]*>)/g)) {
      expect(scrolled).toMatch(/tabindex="0".*aria-label="[^"]+"/)
    }
    expect(found(/(<button[^>]*>)/g).filter((button) => !/aria-label="Copy the example/.test(button))).toEqual([])
    for (const labelled of found(/aria-labelledby="([^"]+)"/g)) expect(page).toContain(` id="${labelled}"`)
  })

  it('takes nothing for HTML that is text', () => {
    expect(html`<p>${'<b>"&\''}${[inline('a `<i>` b')]}</p>`.text).toBe(
      '<p>&lt;b&gt;&quot;&amp;&#39;a <code>&lt;i&gt;</code> b</p>',
    )
  })
})
