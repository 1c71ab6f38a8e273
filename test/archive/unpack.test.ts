import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findZstd } from '../../src/archive/zstd.ts'
import type { Zstd } from '../../src/archive/zstd-contract.ts'
import { text } from '../support/archive-entries.ts'
import { refusal, sourceOf, generous, unpacked } from '../support/archive-source.ts'
import { openArchive } from '../../src/archive/unpack.ts'

const run = promisify(execFile)

describe('archives of other tools', { timeout: 120_000 }, () => {
  let folder: string
  let zstd: Zstd | undefined
  const long = `${'d'.repeat(90)}/${'e'.repeat(90)}/${'f'.repeat(120)}.txt`
  const contents: [string, Buffer][] = [
    ['a.txt', text(5000)],
    ['empty', Buffer.alloc(0)],
    ['folder/Übergrößenträger 日本語.txt', text(300_000)],
    ['noise.bin', randomBytes(200_000)],
    [long, text(100)],
  ]
  const names = contents.map(([name]) => name)
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'longshore-unpack-'))
    zstd = await findZstd()
    for (const [name, bytes] of contents) {
      await mkdir(dirname(join(folder, name)), { recursive: true })
      await writeFile(join(folder, name), bytes)
    }
  })
  afterAll(() => rm(folder, { recursive: true }))

  async function made(command: string, args: string[], output: string): Promise<Buffer> {
    await run(command, args, { cwd: folder })
    return readFile(join(folder, output))
  }

  const byName = ([a]: [string, Buffer], [b]: [string, Buffer]): number => (a < b ? -1 : 1)

  it.each([
    ['zip', 'zip', ['-q', 'x.zip', ...names], 'x.zip'],
    ['zip of a pipe', 'sh', ['-c', 'zip -q - "$@" | cat > pipe.zip', 'sh', ...names], 'pipe.zip'],
    ['7z', '7z', ['a', '-tzip', 'seven.zip', ...names], 'seven.zip'],
    ['bsdtar', 'bsdtar', ['--format=zip', '-cf', 'bsd.zip', ...names], 'bsd.zip'],
    ['GNU tar', 'tar', ['--format=gnu', '-cf', 'gnu.tar', ...names], 'gnu.tar'],
    ['GNU tar, pax', 'tar', ['--format=posix', '-cf', 'pax.tar', ...names], 'pax.tar'],
    ['bsdtar', 'bsdtar', ['-cf', 'bsd.tar', ...names], 'bsd.tar'],
    ['tar and gzip', 'tar', ['-czf', 'x.tar.gz', ...names], 'x.tar.gz'],
    ['tar and zstd', 'tar', ['--zstd', '-cf', 'x.tar.zst', ...names], 'x.tar.zst'],
  ])('%s: %s %j', async (_, command, args, output) => {
    const files = await unpacked(await made(command, args, output), { zstd })
    expect(files.sort(byName)).toEqual([...contents].sort(byName))
  })

  it('have their folders in the names of what is in them', async () => {
    const files = await unpacked(await made('zip', ['-qr', 'folder.zip', 'folder'], 'folder.zip'))
    expect(files.map(([name]) => name)).toEqual(['folder/Übergrößenträger 日本語.txt'])
  })

  it('of one file are called as the archive is, without its ending', async () => {
    const bytes = text(70_000)
    expect(await unpacked(gzipSync(bytes), { name: 'docs/notes.txt.gz' })).toEqual([['notes.txt', bytes]])
    const twice = Buffer.concat([gzipSync(bytes), gzipSync(bytes)])
    expect(await unpacked(twice, { name: 'x.gz' })).toEqual([['x', Buffer.concat([bytes, bytes])]])
    await writeFile(join(folder, 'one'), bytes)
    await run('sh', ['-c', 'zstd -qc one > two.zst; zstd -qc --no-check one >> two.zst'], { cwd: folder })
    const frames = await readFile(join(folder, 'two.zst'))
    expect(await unpacked(frames, { name: 'two.zst', zstd })).toEqual([['two', Buffer.concat([bytes, bytes])]])
    expect(await refusal(frames.subarray(0, -3), { zstd })).toBe('ARCHIVE_TRUNCATED')
    expect(await refusal(frames, {})).toBe('ARCHIVE_UNSUPPORTED')
  })

  it('that are zip files are read by the entry', async () => {
    const bytes = await made('zip', ['-q', 'ranges.zip', ...names], 'ranges.zip')
    const source = sourceOf(bytes)
    const opened = await openArchive('x', source, { limits: generous, zstd })
    expect(source.counted.readBytes).toBeLessThan(100_000)
    const files = opened.kind === 'any order' ? opened.files : []
    const before = source.counted.readBytes
    for await (const piece of files[0]?.bytes() ?? []) expect(piece.length).toBeGreaterThan(0)
    expect(source.counted.readBytes - before).toBeLessThan(5000)
  })

  it.each([
    ['zip -P', 'zip', ['-q', '-P', 'secret', 'crypt.zip', 'a.txt'], 'crypt.zip'],
    ['7z, AES', '7z', ['a', '-tzip', '-psecret', '-mem=AES256', 'aes.zip', 'a.txt'], 'aes.zip'],
    ['age', 'sh', ['-c', 'age-keygen 2>/dev/null > key; age -r $(age-keygen -y key) -o a.age a.txt'], 'a.age'],
  ])('%s: encrypted ones are refused', async (_, command, args, output) => {
    expect(await refusal(await made(command, args, output))).toBe('ARCHIVE_ENCRYPTED')
  })

  it.each([
    ['a link in a zip', 'ln -sf /etc/passwd link; zip -qy link.zip a.txt link', 'link.zip', 'ARCHIVE_HAS_LINK'],
    ['a link in a tar', 'ln -sf /etc/passwd link; tar -cf link.tar a.txt link', 'link.tar', 'ARCHIVE_HAS_LINK'],
    ['a hard link', 'ln -f a.txt hard; tar -cf hard.tar a.txt hard', 'hard.tar', 'ARCHIVE_HAS_LINK'],
    ['a pipe', 'rm -f pipe; mkfifo pipe; tar -cf fifo.tar pipe', 'fifo.tar', 'ARCHIVE_HAS_SPECIAL_FILE'],
    ['bzip2 inside', '7z a -tzip -mm=BZip2 bz.zip a.txt', 'bz.zip', 'ARCHIVE_UNSUPPORTED'],
    ['a sparse file', 'truncate -s 1M sparse; tar -Scf sparse.tar sparse', 'sparse.tar', 'ARCHIVE_UNSUPPORTED'],
    ['another archive', '7z a seven.7z a.txt', 'seven.7z', 'ARCHIVE_UNKNOWN'],
  ])('with %s are refused', async (_, script, output, code) => {
    expect(await refusal(await made('sh', ['-c', script], output))).toBe(code)
  })

  it('that only pose as one by their last bytes are none', async () => {
    const zip = await made('zip', ['-q', 'poly.zip', 'a.txt'], 'poly.zip')
    const pdf = Buffer.concat([Buffer.from('%PDF-1.7\n'), zip])
    expect(await refusal(pdf)).toBe('ARCHIVE_UNKNOWN')
    expect(await refusal(Buffer.concat([gzipSync(text(1000)), zip]))).toBe('ARCHIVE_DAMAGED')
    expect(await refusal(Buffer.concat([zip, randomBytes(100)]))).toBe('ARCHIVE_TRUNCATED')
    expect(await refusal(Buffer.concat([zip, zip]))).toBe('ARCHIVE_DAMAGED')
  })
})
