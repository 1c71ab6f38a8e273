import { randomBytes, randomUUID } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TestClient } from '../support/client.ts'
import { gifOf, pngHeader, withExif } from '../support/crafted-images.ts'
import { resultFileIds, runTask, showFile, uploaded } from '../support/job-files.ts'
import { identify, picture, probe, recording } from '../support/media.ts'
import { untilClaimed } from '../support/outcome.ts'
import { openStage, type Stage } from '../support/stage.ts'
import { until } from '../support/system.ts'
import { createTask, listIn, untilStatus, verb } from '../support/tasks.ts'

describe('FileConversion', { timeout: 120_000 }, () => {
  let stage: Stage
  let client: TestClient
  beforeAll(async () => {
    const limits = { CONVERSION_MAX_MEGAPIXELS: '20', CONVERSION_DISK_MB: '16' }
    stage = await openStage({ workers: 2, env: { ...limits, PATH: process.env['PATH'] } })
    client = await stage.client()
  })
  afterAll(() => stage.close())

  const scratch = () => readdir(join(stage.system.dataDir, 'scratch'))

  async function convert(bytes: Buffer, name: string, format: string, options: Record<string, unknown> = {}) {
    const fileId = await uploaded(client, bytes, name)
    return runTask(client, 'FileConversion', { fileIds: [fileId], format, options }, 90_000)
  }

  async function converted(...given: Parameters<typeof convert>) {
    const task = await convert(...given)
    expect(task).toMatchObject({ status: 'Completed', errorMessage: null, results: { filesProcessed: 1 } })
    const [id = ''] = resultFileIds(task)
    return { file: await showFile(client, id), bytes: await client.download(id) }
  }

  it('says what can be made here, and refuses at once what cannot', async () => {
    const types = listIn(await client.call('GET', '/api/tasks/types'))
    const { offers } = types.find((one) => one['type'] === 'FileConversion') ?? {}
    expect(offers).toEqual({ format: expect.arrayContaining(['jpeg', 'png', 'webp', 'avif', 'gif', 'tiff', 'mp3']) })
    await stage.sql`update workers set offers = '{"FileConversion":{"format":["png"]}}'`
    const parameters = { fileIds: [randomUUID()], format: 'mp3' }
    const refused = await client.call('POST', '/api/tasks', { body: { type: 'FileConversion', parameters } })
    await stage.sql`update workers set offers = ${JSON.stringify({ FileConversion: offers })}::text::jsonb`
    expect(refused.status).toBe(400)
    expect(refused.body).toMatchObject({
      details: { errors: [{ field: 'parameters.format', message: 'is not installed here; there is png' }] },
    })
  })

  it.each([
    ['jpeg', 'JPEG', 'image/jpeg', 'jpg'],
    ['png', 'PNG', 'image/png', 'png'],
    ['webp', 'WEBP', 'image/webp', 'webp'],
    ['gif', 'GIF', 'image/gif', 'gif'],
    ['tiff', 'TIFF', 'image/tiff', 'tiff'],
    ['avif', 'HEIC', 'image/avif', 'avif'],
  ])('makes a %s that ImageMagick reads', async (format, magick, contentType, extension) => {
    const source = await picture('png', '-size', '60x40', 'gradient:')
    const { file, bytes } = await converted(source, 'a view.png', format)
    expect(file).toMatchObject({ name: `a view.${extension}`, contentType })
    expect(await identify(bytes)).toEqual([`${magick} 60 40`])
  })

  it('fits a picture into a size, and does not enlarge it unless told how', async () => {
    const source = await picture('png', '-size', '600x400', 'plasma:')
    const sizes = [
      [{ width: 300 }, '300 200'],
      [{ width: 300, height: 100 }, '150 100'],
      [{ width: 3000 }, '600 400'],
      [{ width: 100, height: 100, fit: 'cover' }, '100 100'],
      [{ width: 1200, height: 1200, fit: 'outside' }, '1800 1200'],
    ] as const
    for (const [options, size] of sizes) {
      const { bytes } = await converted(source, 'a.png', 'webp', options)
      expect(await identify(bytes, '%w %h\n')).toEqual([size])
    }
    const small = await converted(source, 'a.png', 'jpeg', { quality: 20 })
    const large = await converted(source, 'a.png', 'jpeg', { quality: 95 })
    expect(small.bytes.length).toBeLessThan(large.bytes.length / 2)
  })

  it('turns a photograph the right way up, and leaves its metadata out unless they are to be kept', async () => {
    const photo = await picture('jpg', '-size', '60x40', 'gradient:', '-set', 'comment', 'a secret place')
    const tagged = withExif(photo)
    expect(await identify(tagged, '%[EXIF:Orientation] %[EXIF:Make]\n')).toEqual(['6 Camera'])
    const stripped = await converted(tagged, 'photo.jpg', 'jpeg')
    expect(await identify(stripped.bytes, '%w %h %[EXIF:Orientation]%[EXIF:Make]\n')).toEqual(['40 60'])
    const kept = await converted(tagged, 'photo.jpg', 'webp', { metadata: 'keep' })
    expect(await identify(kept.bytes, '%w %h\n')).toEqual(['40 60'])
    expect(kept.bytes.includes('Camera')).toBe(true)
    expect(stripped.bytes.includes('Camera')).toBe(false)
  })

  it('keeps a picture moving where its new format can, and shows transparency as a colour where it cannot be', async () => {
    const moving = await picture('gif', '-delay', '20', '-size', '30x20', 'xc:red', 'xc:lime', 'xc:blue')
    expect(await identify((await converted(moving, 'a.gif', 'webp')).bytes)).toHaveLength(3)
    expect(await identify((await converted(moving, 'a.gif', 'png')).bytes)).toEqual(['PNG 30 20'])
    expect(await identify((await converted(moving, 'a.gif', 'gif', { animated: false })).bytes)).toHaveLength(1)
    const clear = await picture('png', '-size', '8x8', 'xc:none')
    const shown = await converted(clear, 'a.png', 'jpeg', { background: '#ff0000' })
    expect(await identify(shown.bytes, '%[pixel:p{4,4}]\n')).toEqual([expect.stringMatching(/^s?rgb\(25[45],0,0\)$/)])
  })

  it('makes recordings that ffprobe reads, of a part, in a size', async () => {
    const film = await recording('mp4', 3, '320x180')
    const small = await converted(film, 'film.mp4', 'webm', { width: 160, durationSeconds: 1, startSeconds: 1 })
    expect(small.file).toMatchObject({ name: 'film.webm', contentType: 'video/webm' })
    const facts = await probe(small.bytes)
    expect(facts).toMatchObject({ codecs: ['vp9', 'opus'], size: '160x90' })
    expect(facts.seconds).toBeCloseTo(1, 0)
    const sound = await converted(film, 'film.mp4', 'mp3', { audioKbps: 64 })
    expect(await probe(sound.bytes)).toMatchObject({ codecs: ['mp3'], size: '' })
    const again = await converted(await recording('wav', 1), 'tone.wav', 'm4a')
    expect(await probe(again.bytes)).toMatchObject({ codecs: ['aac'] })
  })

  it('goes by the bytes, whatever the file is called and its type is said to be', async () => {
    const film = await recording('mp4', 1, '64x64')
    expect(await convert(film, 'photo.png', 'jpeg')).toMatchObject({
      status: 'Failed',
      errorCode: 'CONVERSION_UNSUPPORTED',
      errorMessage: 'photo.png: By its bytes it is video/mp4, which cannot become jpeg.',
    })
    expect((await converted(film, 'photo.png', 'mp3')).file).toMatchObject({ name: 'photo.mp3' })
    // Both a picture and an archive: only the picture is read, and nothing of the rest comes along.
    const both = Buffer.concat([await picture('jpg', '-size', '20x20', 'xc:red'), Buffer.from('PK\x03\x04 payload')])
    expect((await converted(both, 'both.jpg', 'jpeg')).bytes.includes('payload')).toBe(false)
  })

  it.each([
    ['a playlist that names another file', 'clip.mp4', 'mp4', '#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n'],
    ['a list for ffmpeg', 'clip.mp4', 'mp3', "ffconcat version 1.0\nfile '/etc/passwd'\n"],
    ['a drawing that loads others', 'a.png', 'png', '<svg xmlns="http://www.w3.org/2000/svg"><image href="x"/></svg>'],
    ['a program in Postscript', 'a.jpg', 'png', '%!PS-Adobe-3.0\n(/etc/passwd) run\n'],
  ])('does not read %s', async (_what, name, format, text) => {
    expect(await convert(Buffer.from(text), name, format)).toMatchObject({ errorCode: 'CONVERSION_UNSUPPORTED' })
  })

  it('refuses a picture that would become too large, by its header and by its frames', async () => {
    const wide = await convert(pngHeader(50_000, 50_000), 'bomb.png', 'jpeg')
    expect(wide).toMatchObject({
      errorCode: 'IMAGE_TOO_LARGE',
      errorMessage: 'bomb.png: 50000 x 50000 are 2500 megapixels; 20 megapixels are allowed.',
    })
    const frames = await convert(gifOf(1000, 1000, 100), 'bomb.gif', 'webp')
    expect(frames).toMatchObject({ errorCode: 'IMAGE_TOO_LARGE' })
    const thin = await picture('png', '-size', '2x4000', 'xc:red')
    const enlarged = { width: 4000, height: 4000, fit: 'outside' }
    expect(await convert(thin, 'thin.png', 'png', enlarged)).toMatchObject({ errorCode: 'IMAGE_TOO_LARGE' })
  })

  it('leaves nothing of what is damaged or too large, and says which file that was', async () => {
    const good = await uploaded(client, await picture('png', 'xc:red'), 'good.png')
    const cut = (await picture('png', '-size', '200x200', 'plasma:')).subarray(0, 5000)
    const bad = await uploaded(client, cut, 'cut.png')
    const files = () => stage.sql`select id from files where account_id = ${client.account}`
    const before = (await files()).length
    const task = await runTask(client, 'FileConversion', { fileIds: [good, bad], format: 'webp' })
    expect(task).toMatchObject({ status: 'Failed', errorCode: 'CONVERSION_FAILED' })
    expect(task.errorMessage).toMatch(/^cut\.png: /)
    const large = await uploaded(client, randomBytes(17 * 1024 * 1024), 'large.png')
    const refused = await runTask(client, 'FileConversion', { fileIds: [large], format: 'webp' })
    expect(refused).toMatchObject({ errorCode: 'CONVERSION_TOO_LARGE' })
    const noise = await picture('png', '-size', '3000x3000', 'xc:gray', '+noise', 'Random', '-quality', '10')
    const grown = await convert(noise.subarray(0), 'noise.png', 'tiff')
    expect(grown).toMatchObject({ status: 'Failed', errorCode: 'CONVERSION_TOO_LARGE' })
    expect(await files()).toHaveLength(before + 2)
    expect(await scratch()).toEqual([])
  })

  it.each([
    [{ format: 'docm' }, 'parameters.format'],
    [{ format: 'mp3', options: { width: 10 } }, 'parameters.options.width'],
    [{ format: 'png', options: { quality: 10 } }, 'parameters.options.quality'],
    [{ format: 'png', options: { width: 0 } }, 'parameters.options.width'],
    [{ format: 'png', options: { fit: 'cover', width: 10 } }, 'parameters.options.fit'],
    [{ format: 'png', options: { colour: 1 } }, 'parameters.options.colour'],
    [{ format: 'pdf', options: { metadata: 'keep' } }, 'parameters.options.metadata'],
  ])('is refused at once with %j', async (given, field) => {
    const parameters = { fileIds: [randomUUID()], ...given }
    const { status, body } = await client.call('POST', '/api/tasks', { body: { type: 'FileConversion', parameters } })
    expect(status).toBe(400)
    expect(JSON.stringify(body)).toContain(`"${field}"`)
  })

  it('ends its tools when it is cancelled, and with its worker when that is killed', async () => {
    const fileId = await uploaded(client, await recording('mp4', 40, '640x360'), 'long.mp4')
    const parameters = { fileIds: [fileId], format: 'webm', options: { quality: 100 } }
    const cancelled = await createTask(client, 'FileConversion', parameters)
    const first = await untilClaimed(stage.sql, cancelled)
    await untilTools(first.pid)
    await verb(client, cancelled, 'cancel')
    await until(async () => (await childrenOf(first.pid)).length === 0 || undefined)
    await until(async () => (await scratch()).length === 0 || undefined)

    const killed = await createTask(client, 'FileConversion', parameters)
    const { pid } = await untilClaimed(stage.sql, killed)
    const tools = await untilTools(pid)
    stage.system.workers.find((one) => one.pid === pid)?.kill('SIGKILL')
    await until(async () => (await Promise.all(tools.map(isAlive))).every((alive) => !alive) || undefined)
    await untilStatus(client, killed, 'InProgress')
    expect(await verb(client, killed, 'cancel')).toMatchObject({ status: 200 })
    await stage.system.startWorker()
  })

  /** Waits until ffmpeg runs below a process, and answers everything that does. */
  function untilTools(pid: number): Promise<number[]> {
    return until(async () => {
      const children = await childrenOf(pid)
      const names = await Promise.all(children.map((one) => readFile(`/proc/${one}/comm`, 'utf8').catch(() => '')))
      return names.some((name) => name.startsWith('ffmpeg')) ? children : undefined
    }, 30_000)
  }
})

async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')
  const direct = text.trim().split(' ').filter(Boolean).map(Number)
  return [...direct, ...(await Promise.all(direct.map(childrenOf))).flat()]
}

async function isAlive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  // A zombie has ended; nobody has asked for its exit code yet.
  return stat !== '' && !/\) Z /.test(stat)
}
