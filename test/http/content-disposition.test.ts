import { describe, expect, it } from 'vitest'
import { allowedDisposition, contentDisposition } from '../../src/http/content-disposition.ts'

/** What a browser saves under: `filename*` when it is there, else `filename` (RFC 6266 §4.3). */
function savedAs(field: string): string {
  const extended = /; filename\*=UTF-8''(.*)$/.exec(field)?.[1]
  return extended === undefined ? fallbackOf(field) : decodeURIComponent(extended)
}

const fallbackOf = (field: string) => /^attachment; filename="([^"\\]*)"/.exec(field)?.[1] ?? 'no fallback'

describe('the name a client saves under', () => {
  it.each([
    ['report.pdf', 'report.pdf', 'report.pdf'],
    ['my file (1).txt', 'my file (1).txt', 'my file (1).txt'],
    ['.bashrc', '.bashrc', '.bashrc'],
    ['Résumé naïve.pdf', 'Résumé naïve.pdf', 'Resume naive.pdf'],
    ['отчёт.pdf', 'отчёт.pdf', '_____.pdf'],
    ['報告 2024.pdf', '報告 2024.pdf', '__ 2024.pdf'],
    ['👩‍👩‍👧.png', '👩‍👩‍👧.png', '_____.png'],
    ['ſK.txt', 'ſK.txt', '_K.txt'],
    ['€ 5.txt', '€ 5.txt', '_ 5.txt'],
    ["it's *all* (here).txt", "it's *all* (here).txt", "it's *all* (here).txt"],
    ["it's *ünï* (here).txt", "it's *ünï* (here).txt", "it's *uni* (here).txt"],
    ['a"b.txt', 'a"b.txt', 'a_b.txt'],
    ['a"; filename="evil.exe', 'a"; filename="evil.exe', 'a_; filename=_evil.exe'],
    ['50%41.txt', '50%41.txt', '50_41.txt'],
    ['100%.txt', '100%.txt', '100%.txt'],
    ['a;b,c=d.txt', 'a;b,c=d.txt', 'a;b,c=d.txt'],
    ['x'.repeat(4096), 'x'.repeat(255), 'x'.repeat(255)],
  ])('%.40j', (name, saved, fallback) => {
    const field = contentDisposition('attachment', name)
    expect(savedAs(field)).toBe(saved)
    expect(fallbackOf(field)).toBe(fallback)
  })
})

describe('a path', () => {
  it.each([
    ['../../etc/passwd', 'passwd'],
    ['..\\..\\windows\\win.ini', 'win.ini'],
    ['C:\\docs\\a.txt', 'a.txt'],
    ['/abs/olute', 'olute'],
    ['folder/', 'folder'],
    ['..', 'download'],
    ['../', 'download'],
    ['...', 'download'],
    ['a/..', 'download'],
    ['///', 'download'],
    ['', 'download'],
    [' \u3000 ', 'download'],
    ['a/\u0000', '_'],
  ])('%j is saved as %j', (name, saved) => {
    expect(savedAs(contentDisposition('attachment', name))).toBe(saved)
  })
})

describe('characters that would do something', () => {
  it.each([
    ['a\r\nSet-Cookie: b=c', 'a__Set-Cookie: b=c'],
    ['a\nb', 'a_b'],
    ['a\u0000b', 'a_b'],
    ['a\u007fb\u0085c', 'a_b_c'],
    ['a\u2028b\u2029c', 'a_b_c'],
    ['invoice\u202efdp.exe', 'invoice_fdp.exe'],
    ['a\u2066b', 'a_b'],
    ['half \ud83d.txt', 'half \ufffd.txt'],
  ])('%j', (name, saved) => {
    expect(savedAs(contentDisposition('attachment', name))).toBe(saved)
  })
})

describe('a long name', () => {
  it('keeps its extension and whole characters within 255 bytes', () => {
    const saved = savedAs(contentDisposition('attachment', `${'報'.repeat(3000)}.tar.gz`))
    expect(saved).toMatch(/^報+\.gz$/u)
    expect(Buffer.byteLength(saved)).toBeLessThanOrEqual(255)
    expect(Buffer.byteLength(saved)).toBeGreaterThan(250)
    expect(savedAs(contentDisposition('attachment', `${'a'.repeat(200)}${'🐟'.repeat(100)}.png`))).toMatch(
      /^a+🐟+\.png$/u,
    )
  })

  it('is cut at the end when what follows its dot is no extension', () => {
    expect(savedAs(contentDisposition('attachment', `a.${'b'.repeat(4000)}`))).toBe(`a.${'b'.repeat(253)}`)
  })
})

describe('what is asked for inline', () => {
  it.each([
    'image/png',
    'IMAGE/JPEG',
    'audio/mpeg',
    'video/mp4; codecs="avc1"',
    'video/x-matroska',
    'text/plain;charset=utf-8',
  ])('is shown when it is %s', (type) => {
    expect(allowedDisposition('inline', type)).toBe('inline')
    expect(allowedDisposition('attachment', type)).toBe('attachment')
  })

  it.each([
    'image/svg+xml',
    'image/x+xml',
    'audio/x+xml',
    'video/x+xml;a=b',
    'text/html',
    'text/plainx',
    'text/xml',
    'text/css',
    'application/pdf',
    'application/xhtml+xml',
    'application/octet-stream',
    'x-image/png',
    'image/png+xml',
    '',
  ])('is saved when it is %j', (type) => {
    expect(allowedDisposition('inline', type)).toBe('attachment')
  })
})

it('is printable ASCII of bounded length, whatever the name', () => {
  const names = Array.from({ length: 0x3000 }, (_, i) => `${String.fromCharCode(i)}a${String.fromCharCode(i * 5)}`)
  for (const name of [...names, '\u202e'.repeat(4096), '"'.repeat(4096), '%00'.repeat(4096), '\ud800'.repeat(4096)]) {
    const field = contentDisposition('attachment', name)
    expect(field).toMatch(
      /^attachment; filename="[\x20\x21\x23-\x5b\x5d-\x7e]+"(; filename\*=UTF-8''[\w!#$&+.^`|~%-]+)?$/,
    )
    expect(field.length).toBeLessThan(1200)
  }
})
