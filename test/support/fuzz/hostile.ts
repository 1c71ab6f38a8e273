/** What an answer must never show that a request with it did not: it would have got into every object of the process. */
export const pollution = 'polluted-by-a-request'

const sql = ["'; drop table tasks; --", "' or '1'='1", '1); select pg_sleep(9) --', '$1', '%', '_', '\\', '"', '`']
const headers = ['a\r\nX-Injected: yes', 'a\nSet-Cookie: injected=1', '\u2028', 'a\u0000b', '=?utf-8?q?x?=', 'W/"x"']
const paths = [
  '../../../etc/passwd',
  '..\\..\\x',
  '/etc/passwd',
  'C:\\x',
  '.',
  '..',
  'con',
  'a/b',
  '~root',
  '%2e%2e%2f',
]
const unicode = ['\ud800', '\u202egnp.exe', '🎬', 'é'.normalize('NFD'), '\ufeff', '\0', '\u0007', 'ﷺ'.repeat(300)]
const markup = ['<script>alert(1)</script>', '{{7*7}}', '${7*7}', 'javascript:alert(1)', '%s%s%n']
const long = ['x'.repeat(5000), '9'.repeat(400), '('.repeat(2000), 'a,'.repeat(1500)]

export const hostileTexts: readonly string[] = ['', ' ', ...sql, ...headers, ...paths, ...unicode, ...markup, ...long]

/** Of them those that can stand in the path of a URL, as they are or encoded. */
export const hostileSegments: readonly string[] = [
  ...hostileTexts
    .filter((text) => text.isWellFormed() && text.length > 0 && text.length < 2000)
    .map(encodeURIComponent),
  '%00',
  '%',
  '%E0%A4%A',
  '..%2f..%2fetc',
  '%252e%252e',
  '-1',
  '1e9',
  '0x10',
  '__proto__',
  'constructor',
  ';a=b',
]

const numbers = [-1, 0, 0.5, 1e308, -1e308, 2 ** 31, 2 ** 53, 2 ** 53 + 2, 2 ** 63, 1e-300]

/** JSON that no field wants. */
export const hostileValues: readonly unknown[] = [
  ...hostileTexts,
  ...numbers,
  null,
  true,
  false,
  [],
  {},
  [[[]]],
  [null],
  { a: { b: 1 } },
  { $ne: null },
  { toString: 1 },
  { length: 1e9 },
  { valueOf: null },
]

/** In place of a number in a query. */
export const hostileNumbers: readonly string[] = [
  '-1',
  '1000000',
  '1000001',
  '1e309',
  'NaN',
  '9'.repeat(400),
  '0x10',
  '1.5',
  '',
]

/** Bodies that JSON.stringify does not make. */
export const hostileBodies: readonly string[] = [
  '',
  '{',
  'null',
  '[]',
  '"x"',
  '1e400',
  '{"a":1}{"b":2}',
  `{"__proto__":{"${pollution}":true}}`,
  `{"constructor":{"prototype":{"${pollution}":true}}}`,
  '['.repeat(20_000),
  `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`,
  `{"${'k'.repeat(60_000)}":1}`,
  `{${Array.from({ length: 3000 }, (_, nth) => `"k${nth}":1`).join(',')}}`,
  '\ufeff{}',
  '{"fileSize":1e999}',
  `[${'0,'.repeat(20_000)}0]`,
]
