import { Readable } from 'node:stream'
import { S3Client, type StorageClass } from '@aws-sdk/client-s3'
import { PoolFault } from './failure.ts'
import { type S3Layout, s3Layout } from './s3-layout.ts'
import type { S3Settings } from './s3-settings.ts'

/** One pool's connection to its store. */
export type S3Pool = {
  client: S3Client
  /** For requests whose answer may take long because the store works: completions and copies. */
  patient: S3Client
  bucket: string
  /** Pools with the same one are in the same store, so it can copy between them. */
  store: string
  layout: S3Layout
  /** Whether what the store says of a streamed part is compared with its MD5, for want of a checksum sent along. */
  comparesMd5: boolean
  /** Whether the ETag of a part is its MD5: it is not under a key of KMS. */
  showsMd5: boolean
  /** What is said of every object that is begun. */
  kind: {
    StorageClass?: StorageClass
    ServerSideEncryption?: NonNullable<S3Settings['serverSideEncryption']>
    SSEKMSKeyId?: string
  }
}

/** Reads a variable of the environment. */
export type ReadVariable = (name: string) => string | undefined

const connectTimeoutMs = 5000
/** A connection over which nothing comes or goes for so long has broken. */
const idleMs = 15_000
const patientIdleMs = 120_000
const maxSockets = 256

/** Connects nowhere yet: what is wrong with the settings is seen at the first request. */
export function connectS3(settings: S3Settings, readVariable: ReadVariable): S3Pool {
  const { endpoint, region, bucket, prefix, credentials, storageClass, serverSideEncryption, kmsKeyId } = settings
  const agent = { keepAlive: true, maxSockets }
  const clientFor = (socketTimeout: number): S3Client => {
    const client = new S3Client({
      region,
      ...(endpoint === undefined ? {} : { endpoint }),
      forcePathStyle: settings.pathStyle ?? endpoint !== undefined,
      ...(credentials ? { credentials: async () => resolveCredentials(credentials, readVariable) } : {}),
      requestChecksumCalculation: settings.checksums,
      // Ranges have no checksum to validate, and whole files have our SHA-256.
      responseChecksumValidation: 'WHEN_REQUIRED',
      expectContinueHeader: false,
      // What may be repeated, and for how long, is decided per operation: see s3-retry.ts.
      maxAttempts: 1,
      requestHandler: { connectionTimeout: connectTimeoutMs, socketTimeout, httpAgent: agent, httpsAgent: agent },
    })
    client.middlewareStack.add(
      (next) => (step) => {
        if (isRequest(step.request)) adaptBody(step.request)
        return next(step)
      },
      { step: 'build', priority: 'low', name: 'adaptBody' },
    )
    return client
  }
  return {
    client: clientFor(idleMs),
    patient: clientFor(patientIdleMs),
    bucket,
    store: endpoint === undefined ? 'aws' : new URL(endpoint).origin,
    layout: s3Layout(prefix),
    comparesMd5: settings.checksums === 'WHEN_REQUIRED',
    showsMd5: serverSideEncryption === undefined || serverSideEncryption === 'AES256',
    kind: {
      ...(storageClass === undefined ? {} : { StorageClass: storageClass }),
      ...(serverSideEncryption === undefined ? {} : { ServerSideEncryption: serverSideEncryption }),
      ...(kmsKeyId === undefined ? {} : { SSEKMSKeyId: kmsKeyId }),
    },
  }
}

function resolveCredentials(names: NonNullable<S3Settings['credentials']>, readVariable: ReadVariable) {
  const read = (name: string): string => {
    const value = readVariable(name)
    if (value === undefined || value === '') {
      throw new PoolFault('CREDENTIALS_MISSING', `The variable ${name}, which the pool names, is not set.`)
    }
    return value
  }
  return {
    accessKeyId: read(names.accessKeyId),
    secretAccessKey: read(names.secretAccessKey),
    ...(names.sessionToken === undefined ? {} : { sessionToken: read(names.sessionToken) }),
  }
}

type OutgoingRequest = { headers: Record<string, string>; body?: unknown }

function isRequest(request: unknown): request is OutgoingRequest {
  return typeof request === 'object' && request !== null && 'headers' in request
}

function adaptBody({ headers, body }: OutgoingRequest): void {
  // A body that can be had once must not be sent before the store says that it takes it: it may be busy or away.
  if (body instanceof Readable) headers['Expect'] = '100-continue'
  // Where the signature covers the MD5 of a body, its SHA-256 as well would only cost time.
  if (headers['content-md5'] !== undefined) headers['x-amz-content-sha256'] = 'UNSIGNED-PAYLOAD'
}
