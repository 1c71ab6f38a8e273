import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { decryptWith } from '../../src/age/decrypt.ts'
import { encryptTo } from '../../src/age/encrypt.ts'
import { type CryptThreads, onThisThread, openCryptThreads, type Workforce } from '../../src/age/threads.ts'
import { type AgeKey, newAgeKey } from '../support/age-command.ts'
import { inPieces, joined } from '../support/pieces.ts'

const mebibyte = 1024 * 1024
const opened: CryptThreads[] = []

afterEach(async () => {
  await Promise.all(opened.splice(0).map(({ close }) => close()))
})

function threads(count: number): CryptThreads {
  const started = openCryptThreads(count)
  opened.push(started)
  return started
}

/** The same piece of 1 MiB again and again; `read` says how many were asked for. */
function flow(pieces: number) {
  const piece = randomBytes(mebibyte)
  const counted = { read: 0, closed: false }
  const source = async function* (): AsyncGenerator<Buffer> {
    try {
      for (; counted.read < pieces; counted.read++) yield piece
    } finally {
      counted.closed = true
    }
  }
  return { piece, counted, source: source() }
}

/** Counts how often the event loop goes round until it is stopped; that is the same on a busy machine. */
function countTurns() {
  let turns = 0
  let isStopped = false
  const turn = (): void => {
    turns++
    if (!isStopped) setImmediate(turn)
  }
  setImmediate(turn)
  return () => {
    isStopped = true
    return turns
  }
}

/** What goes in, encrypted and decrypted again, both in a stream. */
async function thereAndBack(key: AgeKey, source: AsyncIterable<Buffer>, workforce: Workforce, lendsPieces: boolean) {
  const { encrypt } = await encryptTo({ recipients: [key.recipient] }, { workforce, lendsPieces })
  return decryptWith({ identities: [key.identity] }, encrypt(source), { workforce, lendsPieces })
}

describe.each([
  ['this thread', () => onThisThread()],
  ['two threads', () => threads(2)],
])('a long stream on %s', (_where, workforce) => {
  it('takes constant memory, and does not hold the event loop up', async () => {
    const { piece, source } = flow(192)
    const key = await newAgeKey()
    const stream = await thereAndBack(key, source, workforce(), true)
    const turns = countTurns()
    let total = 0
    let highestBytes = 0
    for await (const plain of stream) {
      expect(plain.equals(piece)).toBe(true)
      total += plain.length
      highestBytes = Math.max(highestBytes, process.memoryUsage().arrayBuffers)
    }
    expect(turns()).toBeGreaterThan(192)
    expect(total).toBe(192 * mebibyte)
    expect(highestBytes).toBeLessThan(128 * mebibyte)
  })

  it('is read no further ahead than a few pieces', async () => {
    const { counted, source } = flow(1000)
    const { encrypt } = await encryptTo({ recipients: [(await newAgeKey()).recipient] }, { workforce: workforce() })
    const stream = encrypt(source)
    for (let count = 0; count < 4; count++) await stream.next()
    expect(counted.read).toBeLessThan(12)
    await stream.return(undefined)
    expect(counted.closed).toBe(true)
  })

  it('gives pieces that stay as they are, unless they are lent', async () => {
    const { piece, source } = flow(9)
    const pieces: Buffer[] = []
    for await (const plain of await thereAndBack(await newAgeKey(), source, workforce(), false)) pieces.push(plain)
    expect(pieces.map((plain) => plain.equals(piece))).toEqual(Array.from({ length: 9 }, () => true))
  })
})

describe('a signal', () => {
  const stuck = async function* (): AsyncGenerator<Buffer> {
    yield Buffer.alloc(10)
    await new Promise(() => {})
  }

  it('ends encryption at once with its reason, also while the source gives nothing', async () => {
    const stop = new AbortController()
    const reason = new Error('paused')
    const { encrypt } = await encryptTo({ recipients: [(await newAgeKey()).recipient] }, { signal: stop.signal })
    const work = joined(encrypt(stuck()))
    stop.abort(reason)
    await expect(work).rejects.toBe(reason)
  })

  it('ends decryption at once, also in the header and while a password is tried', async () => {
    const reason = new Error('cancelled')
    const signal = AbortSignal.abort(reason)
    await expect(decryptWith({ password: 'x' }, stuck(), { signal })).rejects.toBe(reason)
    const stop = new AbortController()
    const encryption = await encryptTo({ password: 'x' }, { scryptLogN: 16 })
    const file = await joined(encryption.encrypt(inPieces(Buffer.alloc(5), 5)))
    const opening = decryptWith({ password: 'x' }, inPieces(file, 1000), { signal: stop.signal })
    stop.abort(reason)
    await expect(opening).rejects.toBe(reason)
  })
})

describe('a password', () => {
  it('costs its work beside the event loop', async () => {
    const turns = countTurns()
    const encryption = await encryptTo({ password: 'secret' }, { scryptLogN: 14 })
    const file = await joined(encryption.encrypt(inPieces(Buffer.from('hello'), 5)))
    const stream = await decryptWith({ password: 'secret' }, inPieces(file, 1000))
    expect(turns()).toBeGreaterThan(200)
    expect((await joined(stream)).toString()).toBe('hello')
  })
})

describe('an encryption', () => {
  it('is for one file, as its key is', async () => {
    const { encrypt } = await encryptTo({ recipients: [(await newAgeKey()).recipient] })
    encrypt(inPieces(Buffer.alloc(1), 1))
    expect(() => encrypt(inPieces(Buffer.alloc(1), 1))).toThrow('one file')
  })

  it('fails with what its source failed with', async () => {
    const { encrypt } = await encryptTo({ recipients: [(await newAgeKey()).recipient] }, { workforce: threads(1) })
    const failing = async function* (): AsyncGenerator<Buffer> {
      yield Buffer.alloc(3 * mebibyte)
      await delay(1)
      throw new Error('the disk is gone')
    }
    await expect(joined(encrypt(failing()))).rejects.toThrow('the disk is gone')
  })
})

describe('threads', () => {
  it('work for several files at once', async () => {
    const workforce = threads(2)
    const key = await newAgeKey()
    const plains = Array.from({ length: 6 }, (_, index) => randomBytes((index + 1) * 700_001))
    const results = await Promise.all(
      plains.map(async (plain) => joined(await thereAndBack(key, inPieces(plain, 99_999), workforce, false))),
    )
    expect(results.map((result, index) => result.equals(plains[index] ?? Buffer.alloc(0)))).not.toContain(false)
  })

  it('fail what they still had to do when they are closed', async () => {
    const workforce = openCryptThreads(1)
    const { encrypt } = await encryptTo({ recipients: [(await newAgeKey()).recipient] }, { workforce })
    const stream = encrypt(flow(100).source)
    await stream.next()
    await stream.next()
    await workforce.close()
    await expect(joined(stream)).rejects.toThrow(/thread/)
  })
})
