import { randomBytes } from 'node:crypto'
import sharp from 'sharp'
import { encryptTo } from '../../src/age/encrypt.ts'
import { deflateOnThisThread } from '../../src/archive/deflater.ts'
import { type AgeKey, newAgeKey } from './age-command.ts'
import { archiveOf, entryOf } from './archive-entries.ts'

/** A task of one type on one file of some megabytes, of which comes something of about the same size. */
export type SmallJob = {
  type: string
  bytes: Buffer
  /** Other bytes of the same length, which the type would take as well. */
  otherBytes: Buffer
  /** What comes of it lies in the pool that is given, or beside its source where that is `isBeside`. */
  parameters: (fileId: string, targetPoolId?: string) => Record<string, unknown>
  isBeside: boolean
}

const sizeBytes = 2_000_000

/** A job of each type that reads files and makes files. */
export async function smallJobs(): Promise<SmallJob[]> {
  const [key, bytes, otherBytes] = [await newAgeKey(), randomBytes(sizeBytes), randomBytes(sizeBytes)]
  const of = (fileId: string) => ({ fileIds: [fileId] })
  return [
    {
      type: 'FileCompress',
      bytes,
      otherBytes,
      parameters: (fileId, targetPoolId) => ({ ...of(fileId), ...(targetPoolId && { targetPoolId }) }),
      isBeside: false,
    },
    {
      type: 'FileDecompress',
      bytes: await packed(bytes),
      otherBytes: await packed(otherBytes),
      parameters: (fileId, targetPoolId) => ({ fileId, ...(targetPoolId && { targetPoolId }) }),
      isBeside: false,
    },
    {
      type: 'FileEncrypt',
      bytes,
      otherBytes,
      parameters: (fileId) => ({ ...of(fileId), recipients: [key.recipient], removeOriginal: true }),
      isBeside: true,
    },
    {
      type: 'FileDecrypt',
      bytes: await sealed(key, bytes),
      otherBytes: await sealed(key, otherBytes),
      parameters: (fileId) => ({ ...of(fileId), identities: [key.identity], removeOriginal: true }),
      isBeside: true,
    },
    {
      type: 'FileConversion',
      bytes: await picture(100),
      otherBytes: await picture(150),
      parameters: (fileId) => ({ ...of(fileId), format: 'png', options: { width: 500 } }),
      isBeside: true,
    },
  ]
}

/** The types that move files to the pool that is given, which all take these bytes. */
export function movingJobs(bytes: Buffer, otherBytes: Buffer): SmallJob[] {
  const sourcePoolId = '550e8400-e29b-41d4-a716-446655440000'
  const bulk = (targetPoolId?: string) => ({
    operationType: 'move',
    operationParameters: { confirm: true, targetPoolId },
  })
  const rest = { bytes, otherBytes, isBeside: false }
  return [
    { ...rest, type: 'FileMove', parameters: (fileId, targetPoolId) => ({ fileIds: [fileId], targetPoolId }) },
    { ...rest, type: 'BulkOperation', parameters: (fileId, to) => ({ ...bulk(to), targetIds: [fileId] }) },
    { ...rest, type: 'StorageMigration', parameters: (_fileId, targetPoolId) => ({ sourcePoolId, targetPoolId }) },
  ]
}

function packed(bytes: Buffer): Promise<Buffer> {
  const entries = [entryOf('a file', bytes)]
  return archiveOf({ format: 'tar', level: 0, entries }, { deflater: deflateOnThisThread(), zstd: undefined })
}

async function sealed({ recipient }: AgeKey, bytes: Buffer): Promise<Buffer> {
  const { encrypt } = await encryptTo({ recipients: [recipient] })
  const pieces: Buffer[] = []
  for await (const piece of encrypt(piecesOf(bytes))) pieces.push(piece)
  return Buffer.concat(pieces)
}

async function* piecesOf(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes
}

/** Of the same length whatever it shows: what follows a PNG's end is not looked at. */
async function picture(mean: number): Promise<Buffer> {
  const noise = { type: 'gaussian' as const, mean, sigma: 30 }
  const create = { width: 800, height: 600, channels: 3 as const, background: 'black', noise }
  const png = await sharp({ create }).png().toBuffer()
  return Buffer.concat([png, Buffer.alloc(Math.max(0, sizeBytes - png.length))])
}
