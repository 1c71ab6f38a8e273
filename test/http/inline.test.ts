import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TestClient } from '../support/client.ts'
import { errorsOf } from '../support/refusal.ts'
import { openStage, type Stage } from '../support/stage.ts'

const runs = '<svg xmlns="http://www.w3.org/2000/svg"><script>document.title = "ran"</script></svg>'

describe('content that is asked for inline', () => {
  let stage: Stage
  let client: TestClient
  beforeAll(async () => {
    stage = await openStage()
    client = await stage.client()
  })
  afterAll(() => stage.close())

  const ask = async (contentType: string, query: string) => {
    const bundle = (await client.call('POST', '/api/bundles', { body: { name: 'b', shared: true } })).body
    const { file } = await client.upload(Buffer.from(`${runs}<!-- ${randomUUID()} -->`), {
      contentType,
      bundleId: bundle['id'],
    })
    const own = `${client.url}/api/files/${String(file['id'])}/content${query}`
    const shared = `${client.url}/api/shared/${String(bundle['slug'])}/files/${String(file['id'])}/content${query}`
    return Promise.all([fetch(own, { headers: { authorization: `Bearer ${client.token}` } }), fetch(shared)])
  }
  const disposition = (answer: Response) => answer.headers.get('content-disposition')?.split(';')[0]

  it('is shown when it is safe, by a browser that runs nothing of it, to its owner and by a share link', async () => {
    for (const answer of await ask('image/png', '?disposition=inline')) {
      expect(answer.status).toBe(200)
      expect(disposition(answer)).toBe('inline')
      expect(answer.headers.get('content-type')).toBe('image/png')
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
      expect(answer.headers.get('content-security-policy')).toMatch(/^sandbox; default-src 'none'; (?!.*script)/)
      expect(await answer.text()).toContain(runs)
    }
    for (const answer of await ask('video/mp4', '?disposition=inline')) {
      expect(disposition(answer)).toBe('inline')
      expect(answer.headers.get('content-security-policy')).toMatch(
        /^sandbox allow-same-origin; default-src 'none'; (?!.*script)/,
      )
    }
  })

  it.each([
    ['image/svg+xml', '?disposition=inline'],
    ['text/html', '?disposition=inline'],
    ['image/png', '?disposition=attachment'],
    ['image/png', '?utm_source=letter'],
    ['image/png', ''],
  ])('is saved when it is %s and %j was asked for', async (contentType, query) => {
    for (const answer of await ask(contentType, query)) {
      expect(answer.status).toBe(200)
      expect(disposition(answer)).toBe('attachment')
      expect(answer.headers.get('content-security-policy')).toBe("sandbox; default-src 'none'")
    }
  })

  it('is refused when it is asked for in a way that there is not', async () => {
    const refused = await client.call('GET', `/api/files/${randomUUID()}/content?disposition=run`)
    expect(errorsOf(refused)).toMatchObject([{ field: 'disposition' }])
  })
})
