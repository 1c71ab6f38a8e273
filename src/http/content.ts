import type { Request, Response } from 'express'
import { AppError } from '../errors.ts'
import type { ByteRange } from '../storage/contract.ts'
import { chooseRanges, contentRange } from './byte-range.ts'
import { evaluatePreconditions, ifRangeHolds, type Validators } from './conditional.ts'
import {
  bodyLengthBytes,
  multipartBody,
  openRange,
  type ReadRange,
  type Segment,
  sendSegments,
} from './content-body.ts'
import { allowedDisposition, contentDisposition, type Disposition } from './content-disposition.ts'
import { wholeSeconds } from './http-date.ts'

export type Content = {
  name: string
  contentType: string
  /** As it was asked for. */
  disposition: Disposition
  sizeBytes: number
  sha256: Buffer
  lastModified: Date
  read: ReadRange
}

/**
 * What is shown still runs nothing. A browser shows films and sound in a page of its own, which asks for them once more: that
 * has to be allowed, and to be of the same origin, or it would be an unknown page that asks.
 */
function shownPolicy(contentType: string): string {
  const isMedia = /^(?:audio|video)\//i.test(contentType)
  const sandbox = isMedia ? 'sandbox allow-same-origin' : 'sandbox'
  return `${sandbox}; default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'`
}

type Answer = {
  status: 200 | 206
  fields: Record<string, string>
  segments: readonly Segment[]
  firstRange: ByteRange
}

/**
 * Answers a GET or HEAD with a file's bytes, as an attachment unless something else was asked for and is safe, under RFC 9110:
 * preconditions, ranges (several as `multipart/byteranges`), and validators made from the SHA-256 and the date. Resolves when everything is sent or the
 * client is gone. Throws PRECONDITION_FAILED, RANGE_NOT_SATISFIABLE (with `Content-Range` already set) and
 * STORAGE_UNAVAILABLE before anything is sent; STORAGE_UNAVAILABLE also afterwards, and then the connection is cut.
 */
export async function sendContent(request: Request, response: Response, content: Content): Promise<void> {
  const current = validatorsOf(content)
  const outcome = evaluatePreconditions(
    {
      ifMatch: request.get('If-Match'),
      ifNoneMatch: request.get('If-None-Match'),
      ifModifiedSince: request.get('If-Modified-Since'),
      ifUnmodifiedSince: request.get('If-Unmodified-Since'),
    },
    current,
  )
  if (outcome === 'failed') throw new AppError('PRECONDITION_FAILED', 'The file is not the one the request names')
  if (outcome === 'unmodified') {
    response.writeHead(304, commonFields(current)).end()
    return
  }

  const { status, fields, segments, firstRange } = chooseAnswer(request, response, content, current)
  const contentType = safeContentType(content.contentType)
  const disposition = allowedDisposition(content.disposition, contentType)
  const headers = {
    ...commonFields(current),
    ...(disposition === 'inline' ? { 'Content-Security-Policy': shownPolicy(contentType) } : {}),
    'Accept-Ranges': 'bytes',
    'Content-Disposition': contentDisposition(disposition, content.name),
    'Content-Length': String(bodyLengthBytes(segments)),
    ...fields,
  }
  if (request.method === 'HEAD' || firstRange.lengthBytes === 0) {
    response.writeHead(status, headers).end()
    return
  }

  // Opened before the head is written, so that an object that cannot be read is still an error and not a torn body.
  const first = await openRange(content.read, firstRange)
  response.writeHead(status, headers)
  await sendSegments(response, segments, first, content.read)
}

function chooseAnswer(request: Request, response: Response, content: Content, current: Validators): Answer {
  const { sizeBytes } = content
  const contentType = safeContentType(content.contentType)
  // RFC 9110 §14.2 defines Range for GET alone.
  const usesRange = request.method === 'GET' && ifRangeHolds(request.get('If-Range'), current)
  const choice = chooseRanges(usesRange ? request.get('Range') : undefined, sizeBytes)
  if (choice.kind === 'unsatisfiable') {
    response.setHeader('Content-Range', `bytes */${sizeBytes}`)
    throw new AppError('RANGE_NOT_SATISFIABLE', `The file has ${sizeBytes} bytes and none in the range asked for`, {
      details: { sizeBytes },
    })
  }
  if (choice.kind === 'whole') {
    const everything: ByteRange = { startBytes: 0, lengthBytes: sizeBytes }
    return { status: 200, fields: { 'Content-Type': contentType }, segments: [everything], firstRange: everything }
  }
  const [range, ...others] = choice.ranges
  if (others.length === 0) {
    const fields = { 'Content-Type': contentType, 'Content-Range': contentRange(range, sizeBytes) }
    return { status: 206, fields, segments: [range], firstRange: range }
  }
  const body = multipartBody(choice.ranges, { contentType, sizeBytes })
  return { status: 206, fields: { 'Content-Type': body.contentType }, segments: body.segments, firstRange: range }
}

function validatorsOf(content: Content): Validators {
  // RFC 9110 §8.8.2.1: never later than the answer's own date, whatever the clock that stamped the file says.
  const lastModifiedMs = Math.min(wholeSeconds(content.lastModified.getTime()), wholeSeconds(Date.now()))
  return { etag: `"${content.sha256.toString('hex')}"`, lastModifiedMs }
}

function commonFields({ etag, lastModifiedMs }: Validators): Record<string, string> {
  return {
    ETag: etag,
    'Last-Modified': new Date(lastModifiedMs).toUTCString(),
    'Cache-Control': 'private, no-cache',
    'X-Content-Type-Options': 'nosniff',
    // Should a browser show the body in spite of everything, it runs nothing and loads nothing.
    'Content-Security-Policy': "sandbox; default-src 'none'",
  }
}

/** The type is the uploader's word and goes into header fields, so whatever is not a plain media type is not repeated. */
export function safeContentType(contentType: string): string {
  const isMediaType = /^[\w!#$&^.+-]{1,127}\/[\w!#$&^.+-]{1,127}(?:[ \t]*;[\x20-\x7e]{0,512})?$/.test(contentType)
  return isMediaType ? contentType : 'application/octet-stream'
}
