import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { decryptWith } from '../../src/age/decrypt.ts'
import { encryptTo } from '../../src/age/encrypt.ts'
import { type CryptThreads, onThisThread, openCryptThreads } from '../../src/age/threads.ts'
import { type AgeKey, age, ageWithPassword, newAgeKey } from '../support/age-command.ts'
import { inPieces, joined } from '../support/pieces.ts'

const kibibyte = 1024
const sizes = [0, 1, 65_535, 65_536, 65_537, 128 * kibibyte, 1024 * kibibyte, 3 * 1024 * kibibyte + 17]
const password = 'correct horse, пароль, 🔑'

let folder = ''
let key: AgeKey = { identity: '', recipient: '' }
let threads: CryptThreads
const path = (name: string): string => join(folder, name)

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longshore-age-'))
  key = await newAgeKey()
  threads = openCryptThreads(2)
  await writeFile(path('identity'), key.identity)
})

afterAll(async () => {
  await threads.close()
  await rm(folder, { recursive: true, force: true })
})

describe.each(['this thread', 'two threads'])('on %s, beside the age command', (where) => {
  const how = () => ({ workforce: where === 'this thread' ? onThisThread() : threads, lendsPieces: false })

  it.each(sizes)('%i bytes encrypted here open there, and the size was known before', async (size) => {
    const plain = randomBytes(size)
    const encryption = await encryptTo({ recipients: [key.recipient] }, how())
    const file = await joined(encryption.encrypt(inPieces(plain, 50_001)))
    expect(file.length).toBe(encryption.encryptedSizeBytes(size))
    await writeFile(path('sealed'), file)
    const opened = await age('-d', '-i', path('identity'), path('sealed'))
    expect(opened.equals(plain)).toBe(true)
  })

  it.each(sizes)('%i bytes encrypted there open here, armored or not', async (size) => {
    const plain = randomBytes(size)
    await writeFile(path('plain'), plain)
    for (const armor of [[], ['-a']]) {
      await age(...armor, '-r', key.recipient, '-o', path('sealed'), path('plain'))
      const source = inPieces(await readFile(path('sealed')), 70_000)
      const opened = await joined(await decryptWith({ identities: [key.identity] }, source, how()))
      expect(opened.equals(plain)).toBe(true)
    }
  })
})

describe('several recipients', () => {
  it('open the file each with their own identity', async () => {
    const other = await newAgeKey()
    const plain = randomBytes(100)
    const { encrypt } = await encryptTo({ recipients: [other.recipient, key.recipient] })
    const file = await joined(encrypt(inPieces(plain, 10)))
    await writeFile(path('sealed'), file)
    const opened = await age('-d', '-i', path('identity'), path('sealed'))
    expect(opened.equals(plain)).toBe(true)
    const openedHere = await joined(await decryptWith({ identities: [other.identity] }, inPieces(file, 1)))
    expect(openedHere.equals(plain)).toBe(true)
  })
})

describe('a password', () => {
  const plain = randomBytes(70_000)

  it('opens there what was encrypted here, at the work of the age command', async () => {
    const encryption = await encryptTo({ password })
    expect(encryption.header.toString()).toMatch(/^age-encryption.org\/v1\n-> scrypt [A-Za-z0-9+/]{22} 18\n/)
    await writeFile(path('sealed'), await joined(encryption.encrypt(inPieces(plain, 9000))))
    await ageWithPassword(password, '-d', '-o', path('opened'), path('sealed'))
    expect((await readFile(path('opened'))).equals(plain)).toBe(true)
  })

  it('opens here what was encrypted there', async () => {
    await writeFile(path('plain'), plain)
    await ageWithPassword(password, '-p', '-o', path('sealed'), path('plain'))
    const source = inPieces(await readFile(path('sealed')), 9000)
    const opened = await joined(await decryptWith({ password, identities: [key.identity] }, source))
    expect(opened.equals(plain)).toBe(true)
  })
})
