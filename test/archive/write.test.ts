import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type DeflateThreads, openDeflateThreads } from '../../src/archive/deflater.ts'
import type { ArchiveEntry } from '../../src/archive/entry.ts'
import { type ArchiveFormat, archiveParts, type ArchiveState, type ArchiveTools } from '../../src/archive/write.ts'
import { findZstd } from '../../src/archive/zstd.ts'
import { archiveOf, entryOf, text } from '../support/archive-entries.ts'
import { sha256 } from '../support/client.ts'

const run = promisify(execFile)
const mebibyte = 1024 * 1024
const formats: ArchiveFormat[] = ['zip', 'tar', 'tar.gz', 'tar.zst']

/** How others check an archive, and how they unpack it into a folder. */
const foreign: Record<ArchiveFormat, { checks: string[][]; unpacks: string[][] }> = {
  zip: {
    checks: [
      ['unzip', '-tq'],
      ['7z', 't'],
      ['bsdtar', '-tf'],
    ],
    unpacks: [
      ['unzip', '-q'],
      ['bsdtar', '-xf'],
    ],
  },
  tar: {
    checks: [
      ['tar', '-tf'],
      ['bsdtar', '-tf'],
      ['7z', 't'],
    ],
    unpacks: [
      ['tar', '-xf'],
      ['bsdtar', '-xf'],
    ],
  },
  'tar.gz': {
    checks: [
      ['gzip', '-t'],
      ['tar', '-tzf'],
      ['7z', 't'],
    ],
    unpacks: [
      ['tar', '-xzf'],
      ['bsdtar', '-xf'],
    ],
  },
  'tar.zst': {
    checks: [
      ['zstd', '-tq'],
      ['tar', '--zstd', '-tf'],
    ],
    unpacks: [
      ['tar', '--zstd', '-xf'],
      ['bsdtar', '-xf'],
    ],
  },
}

describe('an archive', { timeout: 120_000 }, () => {
  let deflater: DeflateThreads
  let tools: ArchiveTools
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'longshore-archive-'))
    deflater = openDeflateThreads(2)
    tools = { deflater, zstd: await findZstd() }
  })
  afterAll(async () => {
    await deflater.close()
    await rm(folder, { recursive: true })
  })

  /** The sums of a folder's files by their paths. */
  async function filesIn(path: string): Promise<Map<string, string>> {
    const found = new Map<string, string>()
    for (const entry of await readdir(path, { recursive: true, withFileTypes: true })) {
      const file = join(entry.parentPath, entry.name)
      if (entry.isFile()) found.set(relative(path, file), sha256(await readFile(file)))
    }
    return found
  }

  const contents = new Map([
    ['a.txt', text(5000)],
    ['empty', Buffer.alloc(0)],
    ['folder/deep/Übergrößenträger 日本語 🎬.txt', text(40_000)],
    [`long/${'n'.repeat(120)}/${'m'.repeat(200)}.bin`, randomBytes(70_000)],
    ['large.txt', text(2 * mebibyte + 77)],
    ['large.bin', randomBytes(mebibyte + 1)],
    ['mixed.bin', Buffer.concat([randomBytes(mebibyte), text(mebibyte), text(3)])],
  ])
  const sums = new Map([...contents].map(([name, bytes]) => [name, sha256(bytes)]))
  const entries = (): ArchiveEntry[] => [...contents].map(([name, bytes]) => entryOf(name, bytes))

  describe.each(formats)('%s', (format) => {
    it.each([0, 6])('at level %i is sound and unpacks to the same files in other tools', async (level) => {
      const archive = join(folder, `level-${level}.${format}`)
      await writeFile(archive, await archiveOf({ format, level, entries: entries() }, tools))
      for (const [command = '', ...args] of foreign[format].checks) await run(command, [...args, archive])
      for (const [command = '', ...args] of foreign[format].unpacks) {
        const target = await mkdtemp(join(folder, 'unpacked-'))
        await run(command, [...args, archive], { cwd: target })
        expect(await filesIn(target)).toEqual(sums)
        const { mtime } = await stat(join(target, 'large.txt'))
        expect(mtime).toEqual(new Date('2024-05-06T07:08:10Z'))
      }
    })

    it('is the same when it is gone on with from any part', async () => {
      const plan = { format, level: 6, entries: entries() }
      const whole = await archiveOf(plan, tools)
      const states: { state: ArchiveState; lengthBytes: number }[] = []
      let lengthBytes = 0
      for await (const part of archiveParts(plan, tools, undefined)) {
        for (const piece of part.pieces) lengthBytes += piece.length
        part.release()
        states.push({ state: JSON.parse(JSON.stringify(part.state())), lengthBytes })
      }
      expect(states.length).toBeGreaterThan(0)
      for (const from of states.slice(0, -1).filter((_, index) => index % Math.ceil(states.length / 4) === 0)) {
        const rest: Buffer[] = []
        for await (const part of archiveParts(plan, tools, from.state)) {
          rest.push(...part.pieces.map((piece) => Buffer.from(piece)))
          part.release()
        }
        expect(Buffer.concat(rest).equals(whole.subarray(from.lengthBytes))).toBe(true)
      }
    })

    it('of nothing but an empty file is sound', async () => {
      const archive = join(folder, `empty.${format}`)
      await writeFile(archive, await archiveOf({ format, level: 6, entries: [entryOf('x', Buffer.alloc(0))] }, tools))
      for (const [command = '', ...args] of foreign[format].checks) {
        await expect(run(command, [...args, archive])).resolves.toBeDefined()
      }
    })
  })
})
