import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { decryptWith, openAge } from '../../src/age/decrypt.ts'
import { continueEncryption, encryptTo } from '../../src/age/encrypt.ts'
import { chunkBytes, sealedChunkBytes } from '../../src/age/sizes.ts'
import { newAgeKey } from '../support/age-command.ts'

const mebibyte = 1024 * 1024
const bytes = randomBytes(4 * mebibyte + 12_345)

async function* piecesOf(whole: Buffer, pieceBytes = 100_000): AsyncGenerator<Buffer> {
  for (let at = 0; at < whole.length; at += pieceBytes) yield whole.subarray(at, at + pieceBytes)
}

async function joined(pieces: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = []
  for await (const piece of pieces) all.push(piece)
  return Buffer.concat(all)
}

describe('an age file', () => {
  it.each([1, 16, 37, 64])('is gone on with after %i chunks, and is the same', async (chunks) => {
    const { recipient, identity } = await newAgeKey()
    const { encrypt, header, key } = await encryptTo({ recipients: [recipient] })
    const whole = await joined(encrypt(piecesOf(bytes)))
    const rest = await joined(continueEncryption({ key, chunks }, piecesOf(bytes.subarray(chunks * chunkBytes))))
    const payloadStartBytes = header.length + 16
    expect(rest.equals(whole.subarray(payloadStartBytes + chunks * sealedChunkBytes))).toBe(true)

    const opened = await openAge({ identities: [identity] }, piecesOf(whole), { skipChunks: chunks })
    expect(opened.payloadStartBytes).toBe(payloadStartBytes)
    expect((await joined(opened.plaintext)).equals(bytes.subarray(chunks * chunkBytes))).toBe(true)
  })

  it('whose chunks are passed over one too many or too few does not open', async () => {
    const { recipient, identity } = await newAgeKey()
    const { encrypt, key } = await encryptTo({ recipients: [recipient] })
    const start = await joined(encrypt(piecesOf(bytes)))
    const rest = await joined(continueEncryption({ key, chunks: 17 }, piecesOf(bytes.subarray(16 * chunkBytes))))
    const mixed = Buffer.concat([start.subarray(0, start.length - rest.length), rest])
    await expect(decryptWith({ identities: [identity] }, piecesOf(mixed)).then(joined)).rejects.toMatchObject({
      code: 'DECRYPT_TAMPERED',
    })
  })
})
