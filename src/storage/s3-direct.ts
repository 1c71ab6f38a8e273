import { ListPartsCommand } from '@aws-sdk/client-s3'
import type { ChunkSlot, DirectAccess, SignedRequest, SinkKey, StoredChunk } from './contract.ts'
import { s3Failure, unlessGone } from './s3-failure.ts'
import { parseSinkKey } from './s3-layout.ts'
import type { S3Pool } from './s3-pool.ts'
import { presign } from './s3-presign.ts'
import { briefMs, retrying } from './s3-retry.ts'
import type { S3Settings } from './s3-settings.ts'

const chunkExpirySeconds = 3600
/** A download only has to begin before. */
const readExpirySeconds = 300
const chunkType = 'application/octet-stream'

/** What clients may do with a pool by requests that the pool's credentials have signed; undefined when nothing. */
export function directAccess(pool: S3Pool, settings: S3Settings): DirectAccess | undefined {
  const { direct } = settings
  if (direct === undefined) return undefined
  const sign = signer(pool, settings, direct.endpoint ?? settings.endpoint)
  return {
    ...(direct.uploads
      ? {
          uploads: {
            signChunk: (sinkKey, slot, md5) => {
              const sink = parseSinkKey(sinkKey)
              // All of them are signed, so the store refuses another length, other bytes, and a type of the sender's own.
              const headers = {
                'content-type': chunkType,
                'content-length': String(slot.sizeBytes),
                ...(md5 === undefined ? {} : { 'content-md5': md5.toString('base64') }),
              }
              const query = { partNumber: String(slot.index + 1), uploadId: sink.uploadId }
              return sign({ method: 'PUT', key: pool.layout.of(sink), query, headers }, chunkExpirySeconds)
            },
            findChunks: (sinkKey, slots) => findChunks(pool, sinkKey, slots),
          },
        }
      : {}),
    ...(direct.downloads
      ? {
          signRead: (key, { disposition, contentType }) => {
            const query = { 'response-content-disposition': disposition, 'response-content-type': contentType }
            return sign({ method: 'GET', key: pool.layout.object(key), query, headers: {} }, readExpirySeconds)
          },
        }
      : {}),
  }
}

type ToSign = {
  method: 'GET' | 'PUT'
  key: string
  query: Record<string, string>
  headers: Record<string, string>
}

function signer(pool: S3Pool, settings: S3Settings, endpoint: string | undefined) {
  const { config } = pool.client
  return async (request: ToSign, expiresInSeconds: number): Promise<SignedRequest> => {
    try {
      const credentials = await config.credentials()
      const { url: baseUrl } = config.endpointProvider({
        Bucket: pool.bucket,
        Region: settings.region,
        ForcePathStyle: settings.pathStyle ?? endpoint !== undefined,
        UseFIPS: false,
        UseDualStack: false,
        ...(endpoint === undefined ? {} : { Endpoint: endpoint }),
      })
      const at = new Date()
      const { region } = settings
      const url = presign({ ...request, baseUrl, region, credentials, at, expiresInSeconds })
      return { url, headers: request.headers, expiresAt: new Date(at.getTime() + expiresInSeconds * 1000) }
    } catch (error) {
      throw s3Failure(error)
    }
  }
}

/** Asks for no more parts than those between the first and the last that are wanted. */
async function findChunks(
  pool: S3Pool,
  sinkKey: SinkKey,
  slots: readonly ChunkSlot[],
): Promise<Map<number, StoredChunk>> {
  const sink = parseSinkKey(sinkKey)
  const wanted = new Set(slots.map(({ index }) => index))
  const found = new Map<number, StoredChunk>()
  const last = Math.max(...wanted)
  const about = { Bucket: pool.bucket, Key: pool.layout.of(sink), UploadId: sink.uploadId }
  // The marker names a part, and a chunk's index is one less than its part's number: listed is what comes after it.
  for (let next = Math.min(...wanted); next <= last; ) {
    const input = { ...about, PartNumberMarker: String(next), MaxParts: Math.min(1000, last + 1 - next) }
    const page = await retrying(() => unlessGone(() => pool.client.send(new ListPartsCommand(input))), {
      patienceMs: briefMs,
    })
    const parts = page?.Parts ?? []
    for (const { PartNumber = 0, ETag = '', Size = -1 } of parts) {
      const index = PartNumber - 1
      if (wanted.has(index))
        found.set(index, { etag: bare(ETag), sizeBytes: Size, md5: pool.showsMd5 ? md5Of(ETag) : undefined })
    }
    const highest = parts.at(-1)?.PartNumber
    if (highest === undefined || page?.IsTruncated !== true) break
    next = highest
  }
  return found
}

function bare(etag: string): string {
  return etag.replaceAll('"', '')
}

function md5Of(etag: string): Buffer | undefined {
  return /^[0-9a-f]{32}$/i.test(bare(etag)) ? Buffer.from(bare(etag), 'hex') : undefined
}
