import { randomBytes } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { deflateOnThisThread } from '../../src/archive/deflater.ts'
import { checksum } from '../../src/archive/tar-header.ts'
import { type ArchiveFormat, archiveFormats } from '../../src/archive/write.ts'
import { findZstd } from '../../src/archive/zstd.ts'
import { AppError } from '../../src/errors.ts'
import { archiveOf, entryOf, text } from '../support/archive-entries.ts'
import { generous, refusal, unpacked } from '../support/archive-source.ts'

const zstd = await findZstd()
const mebibyte = 1024 * 1024

function packed(format: ArchiveFormat, contents: readonly (readonly [string, Buffer])[]): Promise<Buffer> {
  const entries = contents.map(([name, bytes]) => entryOf(name, bytes))
  return archiveOf({ format, level: 6, entries }, { deflater: deflateOnThisThread(), zstd })
}

/** Where the n-th of a zip file's directory lines begins. */
function lineAt(zip: Buffer, index: number): number {
  const line = Buffer.from('PK\u0001\u0002')
  let at = zip.indexOf(line)
  for (let count = 0; count < index; count++) at = zip.indexOf(line, at + 1)
  return at
}

const changed = (bytes: Buffer, change: (copy: Buffer) => void): Buffer => {
  const copy = Buffer.from(bytes)
  change(copy)
  return copy
}

describe('a hostile archive', { timeout: 120_000 }, () => {
  it.each([
    '../../etc/passwd',
    'a/../../b',
    '/etc/shadow',
    '..\\..\\windows\\win.ini',
    'a\\..\\..\\b',
    '\\\\server\\share\\x',
    'C:\\Windows\\win.ini',
    'c:x',
    'nul\u0000.txt',
    'line\nbreak',
    'annexe\u202efdp.exe',
    '.. /x',
    '..',
    '\uff0e\uff0e/x',
    '\u2025/x',
    '..\u2215x',
    '..\uff0fx',
    '..\uff3cx',
    '\uff0fetc/passwd',
    'C\uff1a/x',
    'n'.repeat(1025),
  ])('with the name %j is refused in every format', async (name) => {
    for (const format of archiveFormats) {
      // A tar's field ends with the first NUL, so there only a header of its own can have one.
      const bytes = await packed(format, [
        ['good', text(10)],
        [name, text(10)],
      ])
      expect(await refusal(bytes, { zstd })).toBe('ARCHIVE_UNSAFE_NAME')
    }
  })

  it.each(['Ａ／Ｂ.txt', 'a..b/c...txt', 'C/x', 'ab:c.txt', '…/x', ' spaces ', 'a\\b'])(
    'is none for the name %j',
    async (name) => {
      expect(await unpacked(await packed('zip', [[name, text(10)]]))).toHaveLength(1)
    },
  )

  it('that unpacks to too much is refused by its directory, or where it becomes too much', async () => {
    const zeros = Buffer.alloc(65 * mebibyte)
    const strict = { limits: { ...generous, mostRatio: 100 } }
    expect(await refusal(await packed('zip', [['zeros', zeros]]), strict)).toBe('ARCHIVE_RATIO')
    expect(await refusal(gzipSync(zeros, { level: 1 }), strict)).toBe('ARCHIVE_RATIO')
    const hidden = Buffer.concat([await packed('tar', [['a', text(10)]]), zeros])
    expect(await refusal(gzipSync(hidden, { level: 1 }), strict)).toBe('ARCHIVE_RATIO')
    for (const format of archiveFormats) {
      const bytes = await packed(format, [
        ['a', text(600_000)],
        ['b', text(600_000)],
      ])
      expect(await refusal(bytes, { zstd, limits: { ...generous, mostBytes: mebibyte } })).toBe('ARCHIVE_TOO_LARGE')
    }
  })

  it('with too many entries is refused', async () => {
    const many = Array.from({ length: 11 }, (_, index): [string, Buffer] => [`${index}`, text(1)])
    for (const format of archiveFormats) {
      const bytes = await packed(format, many)
      expect(await refusal(bytes, { zstd, limits: { ...generous, mostEntries: 10 } })).toBe('ARCHIVE_TOO_MANY_ENTRIES')
      expect(await refusal(bytes, { zstd, limits: { ...generous, mostEntries: 11 } })).toBe('unpacked 11')
    }
  })

  it('inside an archive stays what it is', async () => {
    const inner = await packed('zip', [['../x', text(10)]])
    expect(await unpacked(await packed('zip', [['inner.zip', inner]]))).toEqual([['inner.zip', inner]])
    expect(await unpacked(gzipSync(gzipSync(inner)), { name: 'x.gz' })).toHaveLength(1)
  })

  it('whose entries share bytes is refused', async () => {
    const zip = await packed('zip', [
      ['a', text(5000)],
      ['b', text(5000)],
    ])
    const same = changed(zip, (copy) => copy.writeUInt32LE(0, lineAt(copy, 1) + 42))
    expect(await refusal(same)).toBe('ARCHIVE_OVERLAPPING')
    const quoted = await packed('zip', [
      ['a', await packed('zip', [['b', randomBytes(5000)]])],
      ['b', randomBytes(5000)],
    ])
    const inner = quoted.indexOf('PK\u0003\u0004', 10, 'latin1')
    expect(await refusal(changed(quoted, (copy) => copy.writeUInt32LE(inner, lineAt(copy, 2) + 42)))).toBe(
      'ARCHIVE_OVERLAPPING',
    )
  })

  it('that lies about sizes, sums and places is refused', async () => {
    const zip = await packed('zip', [
      ['a', text(5000)],
      ['b', text(2 * mebibyte)],
    ])
    const lies: Record<string, (copy: Buffer, line: number) => void> = {
      'a sum': (copy, line) => copy.writeUInt8(copy.readUInt8(line + 16) ^ 1, line + 16),
      'a smaller size': (copy, line) => copy.writeUInt32LE(copy.readUInt32LE(line + 24) - 1, line + 24),
      'a larger size': (copy, line) => copy.writeUInt32LE(copy.readUInt32LE(line + 24) + 1, line + 24),
      'a smaller packed size': (copy, line) => copy.writeUInt32LE(copy.readUInt32LE(line + 20) - 1, line + 20),
      'a place': (copy, line) => copy.writeUInt32LE(copy.readUInt32LE(line + 42) + 1, line + 42),
      'a method': (copy, line) => copy.writeUInt16LE(0, line + 10),
      'a name': (copy, line) => copy.write('x', line + 46),
    }
    for (const [what, lie] of Object.entries(lies)) {
      for (const index of [0, 1]) {
        const code = await refusal(changed(zip, (copy) => lie(copy, lineAt(copy, index))))
        expect(['ARCHIVE_DAMAGED', 'ARCHIVE_OVERLAPPING'], `${what} of entry ${index}`).toContain(code)
      }
    }
    const end = zip.length - 22
    expect(await refusal(changed(zip, (copy) => copy.writeUInt16LE(1, end + 10)))).toBe('ARCHIVE_UNSUPPORTED')
    const fewer = changed(zip, (copy) => {
      copy.writeUInt16LE(1, end + 8)
      copy.writeUInt16LE(1, end + 10)
    })
    expect(await refusal(fewer)).toBe('ARCHIVE_DAMAGED')
    expect(await refusal(Buffer.concat([zip.subarray(0, end), zip.subarray(end), zip.subarray(end)]))).toBe(
      'ARCHIVE_DAMAGED',
    )
  })

  it.each([
    ['a device', '3', 'ARCHIVE_HAS_SPECIAL_FILE'],
    ['a hard link', '1', 'ARCHIVE_HAS_LINK'],
    ['a type nobody knows', 'Q', 'ARCHIVE_UNSUPPORTED'],
  ])('with %s in a tar is refused', async (_, type, code) => {
    const tar = await packed('tar', [['a', Buffer.alloc(0)]])
    const bytes = changed(tar, (copy) => {
      copy.write(type, 156)
      copy.write(checksum(copy.subarray(0, 512)).toString(8).padStart(6, '0'), 148)
    })
    expect(await refusal(bytes)).toBe(code)
  })

  it('with a device in a zip is refused', async () => {
    const zip = await packed('zip', [['a', text(10)]])
    const bytes = changed(zip, (copy) => copy.writeUInt32LE(0o020666 * 0x10000, lineAt(copy, 0) + 38))
    expect(await refusal(bytes)).toBe('ARCHIVE_HAS_SPECIAL_FILE')
  })

  it.each(archiveFormats)('that is a %s cut off anywhere is refused', async (format) => {
    const bytes = await packed(format, [
      ['a', text(5000)],
      ['b', randomBytes(5000)],
    ])
    const length = format === 'tar' ? 11_000 : bytes.length
    for (let index = 1; index < 20; index++) {
      const code = await refusal(bytes.subarray(0, Math.floor((length * index) / 20)), { zstd })
      expect(['ARCHIVE_TRUNCATED', 'ARCHIVE_DAMAGED', 'ARCHIVE_UNKNOWN']).toContain(code)
    }
    expect(await refusal(bytes.subarray(0, length - 1), { zstd })).toMatch(/^ARCHIVE_(TRUNCATED|DAMAGED)$/)
  })

  it.each(archiveFormats)(
    'that is a %s with anything changed is refused or unpacked, and nothing else',
    async (format) => {
      const contents: [string, Buffer][] = [
        ['a.txt', text(3000)],
        ['folder/ü.bin', randomBytes(700)],
        ['empty', Buffer.alloc(0)],
      ]
      const bytes = await packed(format, contents)
      const random = seeded(20_240_506)
      const codes = new Set<string>()
      for (let round = 0; round < (format === 'tar.zst' ? 25 : 300); round++) {
        const mutant = mutated(bytes, random)
        try {
          const files = await unpacked(mutant, { zstd, limits: { ...generous, mostBytes: 10 * mebibyte } })
          codes.add('unpacked')
          // What a zip unpacks to has a sum, so it is what went in.
          const sound = files.every(([, content]) => contents.some(([, other]) => other.equals(content)))
          expect(sound || format !== 'zip', `round ${round}`).toBe(true)
        } catch (error) {
          if (!(error instanceof AppError) || !error.code.startsWith('ARCHIVE_')) throw error
          codes.add(error.code)
        }
      }
      expect(codes.size).toBeGreaterThan(1)
    },
  )
})

/** Mulberry32. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** With bytes changed, cut out, doubled, or an end taken off. */
function mutated(bytes: Buffer, random: () => number): Buffer {
  const place = (): number => Math.floor(random() * bytes.length)
  const length = 1 + Math.floor(random() * 40)
  const at = place()
  switch (Math.floor(random() * 5)) {
    case 0:
      return changed(bytes, (copy) => copy.writeUInt8(copy.readUInt8(at) ^ (1 << Math.floor(random() * 8)), at))
    case 1:
      return changed(bytes, (copy) => copy.fill(random() < 0.5 ? 0xff : 0, at, Math.min(at + length, copy.length)))
    case 2:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)])
    case 3:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at, at + length), bytes.subarray(at)])
    default:
      return bytes.subarray(0, at)
  }
}
