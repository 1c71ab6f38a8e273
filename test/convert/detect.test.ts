import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { detect } from '../../src/convert/detect.ts'
import { picture, recording } from '../support/media.ts'

describe('what a file is', { timeout: 120_000 }, () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'longshore-detect-'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  async function typeOf(bytes: Buffer | string, name = 'file'): Promise<string | undefined> {
    const path = join(folder, 'file')
    await writeFile(path, bytes)
    return (await detect(path, name))?.type
  }

  it.each(['jpg', 'png', 'gif', 'webp', 'tiff'])('is seen in a picture by ImageMagick: %s', async (extension) => {
    const type = extension === 'jpg' ? 'image/jpeg' : `image/${extension}`
    expect(await typeOf(await picture(extension, 'xc:red'), 'misleading.mp4')).toBe(type)
  })

  it.each([
    ['mp4', '64x64', 'video/mp4'],
    ['mov', '64x64', 'video/mp4'],
    ['webm', '64x64', 'video/x-matroska'],
    ['avi', '64x64', 'video/x-msvideo'],
    ['flv', '64x64', 'video/x-flv'],
    ['ts', '64x64', 'video/mp2t'],
    ['mpg', '64x64', 'video/mpeg'],
    ['wmv', '64x64', 'video/x-ms-asf'],
    ['m4a', undefined, 'audio/mp4'],
    ['mp3', undefined, 'audio/mpeg'],
    ['aac', undefined, 'audio/aac'],
    ['ogg', undefined, 'application/ogg'],
    ['flac', undefined, 'audio/flac'],
    ['wav', undefined, 'audio/wav'],
    ['aiff', undefined, 'audio/aiff'],
  ])('is seen in a recording by ffmpeg: %s', async (extension, size, type) => {
    expect(await typeOf(await recording(extension, 1, size), 'misleading.png')).toBe(type)
  })

  it.each([
    ['#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n', 'clip.mp4'],
    ['ffconcat version 1.0\nfile /etc/passwd\n', 'clip.mp4'],
    ['<svg xmlns="http://www.w3.org/2000/svg"/>', 'image.svg'],
    ['%!PS-Adobe-3.0', 'image.jpg'],
    ['plain', 'image.jpg'],
    ['', 'empty.txt'],
    ['PK\x03\x04 and nothing else', 'letter.docx'],
    ['\0\0\0\x18ftypheic', 'photo.heic'],
    [Buffer.from('fffe610062006300', 'hex'), 'utf16.txt'],
  ])('is nothing that is read here: %j', async (bytes, name) => {
    expect(await typeOf(bytes, name)).toBeUndefined()
  })

  it('is the document that its parts make it', async () => {
    expect(await typeOf('{\\rtf1 hello}', 'x.doc')).toBe('application/rtf')
    expect(await typeOf('grüße,1\n', 'list.csv')).toBe('text/csv')
    expect(await typeOf('grüße', 'read.me.md')).toBe('text/plain')
    expect(await typeOf(Buffer.from('gr\xfc\xdfe', 'latin1'), 'latin.txt')).toBeUndefined()
    const old = Buffer.alloc(2048)
    Buffer.from('d0cf11e0a1b11ae1', 'hex').copy(old)
    old.writeUInt16LE(9, 30)
    old.writeUInt32LE(1, 48)
    old.write('WordDocument', 1024 + 128, 'utf16le')
    old.writeUInt16LE(26, 1024 + 128 + 64)
    expect(await typeOf(old, 'x.xls')).toBe('application/msword')
  })
})
