import { createHash, createHmac } from 'node:crypto'

export type Credentials = { accessKeyId: string; secretAccessKey: string; sessionToken?: string | undefined }

export type RequestToSign = {
  method: 'GET' | 'PUT'
  /** Of the bucket, with or without a path of its own. */
  baseUrl: URL
  key: string
  query: Record<string, string>
  /** Fields that whoever makes the request must send exactly so. Names in lower case; the host is added. */
  headers: Record<string, string>
  region: string
  credentials: Credentials
  at: Date
  expiresInSeconds: number
}

/**
 * A URL that carries its signature (AWS Signature Version 4, query parameters, UNSIGNED-PAYLOAD; "Authenticating Requests:
 * Using Query Parameters" of the S3 API reference). It gives whoever has it the right to make this one request until it
 * expires, so it must not be logged.
 */
export function presign(request: RequestToSign): string {
  const { method, baseUrl, key, region, credentials, at, expiresInSeconds } = request
  const timestamp = at.toISOString().replace(/[-:]|\.\d{3}/g, '')
  const scope = `${timestamp.slice(0, 8)}/${region}/s3/aws4_request`
  const headers = Object.entries({ ...request.headers, host: baseUrl.host }).sort(byName)
  const signedHeaders = headers.map(([name]) => name).join(';')
  const query = {
    ...request.query,
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Credential': `${credentials.accessKeyId}/${scope}`,
    'X-Amz-Date': timestamp,
    'X-Amz-Expires': String(expiresInSeconds),
    'X-Amz-SignedHeaders': signedHeaders,
    ...(credentials.sessionToken === undefined ? {} : { 'X-Amz-Security-Token': credentials.sessionToken }),
  }
  const pairs = Object.entries(query).map(([name, value]): [string, string] => [encode(name), encode(value)])
  const search = pairs
    .sort(byName)
    .map(([name, value]) => `${name}=${value}`)
    .join('&')
  const path = `${baseUrl.pathname.replace(/\/$/, '')}/${key.split('/').map(encode).join('/')}`
  const fields = headers.map(([name, value]) => `${name}:${value.trim()}\n`).join('')
  const canonical = [method, path, search, fields, signedHeaders, 'UNSIGNED-PAYLOAD'].join('\n')
  const toSign = ['AWS4-HMAC-SHA256', timestamp, scope, createHash('sha256').update(canonical).digest('hex')].join('\n')
  const signature = hmac(signingKey(credentials, scope), toSign).toString('hex')
  return `${baseUrl.origin}${path}?${search}&X-Amz-Signature=${signature}`
}

function signingKey({ secretAccessKey }: Credentials, scope: string): Buffer {
  let key: Buffer = Buffer.from(`AWS4${secretAccessKey}`)
  for (const part of scope.split('/')) key = hmac(key, part)
  return key
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}

/** RFC 3986: everything but the unreserved characters. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`)
}

function byName([a]: [string, string], [b]: [string, string]): number {
  return a < b ? -1 : 1
}
