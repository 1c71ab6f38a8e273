import { deflateRawSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { areBytesAccepted, isAge, isClaimAccepted } from '../../src/files/accept-bytes.ts'

const png = Buffer.from('89504e470d0a1a0a0000000d494844520000000100000001080600000000', 'hex')
const jpeg = Buffer.from('ffd8ffe000104a46494600010100000100010000ffdb004300', 'hex')
const pdf = Buffer.from('%PDF-1.7\n%\xe2\xe3\xcf\xd3\n', 'latin1')
const script = Buffer.from('<html><script>alert(1)</script></html>')
const svg = Buffer.from('<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>')
const binary = Buffer.from('00010203040506070809', 'hex')
const age = Buffer.from('age-encryption.org/v1\n-> X25519 abc\n')

/** A zip with one entry that is compressed. */
function zip(name: string, text: string): Buffer {
  const packed = deflateRawSync(text)
  const head = Buffer.alloc(30)
  head.writeUInt32LE(0x04034b50, 0)
  head.writeUInt16LE(20, 4)
  head.writeUInt16LE(8, 8)
  head.writeUInt32LE(packed.length, 18)
  head.writeUInt32LE(text.length, 22)
  head.writeUInt16LE(name.length, 26)
  return Buffer.concat([head, Buffer.from(name), packed])
}

const docx = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document'
const images = ['image/*']

describe('what a type is called', () => {
  it.each([
    [images, 'image/png', true],
    [images, 'IMAGE/PNG; q=1', true],
    [images, 'application/pdf', false],
    [images, 'imagex/png', false],
    [['application/pdf'], 'application/x-pdf', true],
    [['image/jpg'], 'image/jpeg', true],
    // Says nothing, so its bytes have to.
    [images, 'application/octet-stream', true],
  ])('%j, %s: %s', (accepted, claimed, expected) => {
    expect(isClaimAccepted(accepted, claimed)).toBe(expected)
  })
})

describe('bytes under the name of a type', () => {
  it.each([
    ['an image that is one', images, 'image/png', png, true, 'image/png'],
    ['another image than it says', images, 'image/png', jpeg, true, 'image/jpeg'],
    ['another image than the one that is accepted', ['image/png'], 'image/png', jpeg, false, 'image/jpeg'],
    ['a script that is called an image', images, 'image/png', script, false, undefined],
    ['a PDF that is called an image', images, 'image/png', pdf, false, 'application/pdf'],
    ['a script that is called an image of no known kind', images, 'image/x-new', script, false, undefined],
    ['a kind that is accepted by its name', ['image/x-new'], 'image/x-new', binary, true, undefined],
    ['an image that is called nothing', images, 'application/octet-stream', png, true, 'image/png'],
    ['a script that is called nothing', images, 'application/octet-stream', script, false, undefined],
    ['nothing that is called an image', images, 'image/png', Buffer.alloc(0), false, undefined],
    ['a drawing', images, 'image/svg+xml', svg, true, 'application/xml'],
    ['a drawing without a prolog', images, 'image/svg+xml', Buffer.from('<svg width="1"/>'), true, undefined],
    [
      'other XML that is called a drawing',
      images,
      'image/svg+xml',
      Buffer.from('<?xml version="1.0"?><a/>'),
      false,
      'application/xml',
    ],
    ['text', ['text/*'], 'text/csv', Buffer.from('a,b\n1,2\n'), true, undefined],
    ['text in UTF-16', ['text/*'], 'text/csv', Buffer.from('\ufeffa,b', 'utf16le'), true, undefined],
    ['bytes that are called text', ['text/*'], 'text/plain', binary, false, undefined],
    ['an image that is called text', ['text/*'], 'text/plain', png, false, 'image/png'],
    ['JSON', ['application/json'], 'application/json', Buffer.from('{}'), true, undefined],
    [
      'a document of which the beginning shows only a zip',
      [docx],
      docx,
      zip('media/a', 'x'.repeat(100)),
      true,
      'application/zip',
    ],
    ['a zip where documents are accepted', [docx], 'application/zip', zip('a', 'x'), false, 'application/zip'],
    ['a zip', ['application/zip'], 'application/x-zip-compressed', zip('a', 'x'), true, 'application/zip'],
    ['an age file', images, 'image/png', age, false, 'application/vnd.age'],
    [
      'an age file where such are accepted',
      ['application/vnd.age'],
      'application/octet-stream',
      age,
      true,
      'application/vnd.age',
    ],
  ])('%s', async (_what, accepted, claimed, head, isAccepted, detectedType) => {
    expect(await areBytesAccepted(accepted, claimed, head)).toEqual({ isAccepted, detectedType })
  })

  it('are an age file also in letters', () => {
    expect([age, Buffer.from('\n-----BEGIN AGE ENCRYPTED FILE-----\nYWdl')].map(isAge)).toEqual([true, true])
    expect([png, Buffer.from('age-encryption.org/v2\n'), Buffer.alloc(0)].map(isAge)).toEqual([false, false, false])
  })
})
