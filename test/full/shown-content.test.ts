import { randomBytes } from 'node:crypto'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { findChromium } from '../support/browser.ts'
import type { TestClient } from '../support/client.ts'
import { openStage, type Stage } from '../support/stage.ts'

const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
const script = '<html><body><script>document.title = "ran"</script>'

/** One second of sound, 8 bits 8,000 times a second. */
function wave(): Buffer {
  const samples = randomBytes(8000)
  const head = Buffer.alloc(44)
  head.write('RIFF')
  head.writeUInt32LE(36 + samples.length, 4)
  head.write('WAVEfmt ', 8)
  head.writeUInt32LE(16, 16)
  head.writeUInt16LE(1, 20)
  head.writeUInt16LE(1, 22)
  head.writeUInt32LE(8000, 24)
  head.writeUInt32LE(8000, 28)
  head.writeUInt16LE(1, 32)
  head.writeUInt16LE(8, 34)
  head.write('data', 36)
  head.writeUInt32LE(samples.length, 40)
  return Buffer.concat([head, samples])
}

describe('what a share link has a browser show', { timeout: 60_000 }, () => {
  let stage: Stage
  let client: TestClient
  let browser: Browser
  let page: Page
  let bundle: Record<string, unknown>
  beforeAll(async () => {
    stage = await openStage()
    client = await stage.client()
    bundle = (await client.call('POST', '/api/bundles', { body: { name: 'b', shared: true } })).body
    browser = await chromium.launch({ executablePath: findChromium() ?? 'chromium', args: ['--no-sandbox'] })
    page = await browser.newPage()
  })
  afterAll(async () => {
    await browser.close()
    await stage.close()
  })

  const show = async (bytes: Buffer, contentType: string): Promise<void> => {
    const { file } = await client.upload(bytes, { contentType, bundleId: bundle['id'] })
    const path = `/api/shared/${String(bundle['slug'])}/files/${String(file['id'])}/content?disposition=inline`
    await page.goto(client.url + path)
  }

  it('is a picture', async () => {
    await show(Buffer.from(pixel, 'base64'), 'image/png')
    await vi.waitFor(async () => expect(await page.evaluate('document.images[0]?.naturalWidth')).toBe(1))
  })

  it('is sound, which plays', async () => {
    await show(wave(), 'audio/wav')
    const duration = () => page.evaluate(`document.querySelector('video, audio')?.duration`)
    await vi.waitFor(async () => expect(await duration()).toBe(1), { timeout: 10_000 })
  })

  it('is text as it is written, and nothing of it runs', async () => {
    await show(Buffer.from(script), 'text/plain')
    expect(await page.evaluate('document.body.textContent')).toContain(script)
    expect(await page.title()).toBe('')
  })

  it.each(['image/png', 'audio/wav'])('is nothing when a page calls itself %s', async (contentType) => {
    await show(Buffer.from(`${script}${contentType}`), contentType)
    expect(await page.title()).not.toBe('ran')
    expect(await page.evaluate('document.scripts.length')).toBe(0)
  })

  it('is saved when it is a page', async () => {
    await expect(show(Buffer.from(`${script} page`), 'text/html')).rejects.toThrow('Download is starting')
  })
})
