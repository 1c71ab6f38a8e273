import type { Request, Response } from 'express'
import type { FileRow } from '../db/files.ts'
import type { Storage } from '../storage/contract.ts'
import { safeContentType } from './content.ts'
import { contentDisposition } from './content-disposition.ts'

const validators = ['If-Match', 'If-None-Match', 'If-Range', 'If-Modified-Since', 'If-Unmodified-Since']

/**
 * Sends whoever asks for a file's bytes to the pool itself, where the pool allows that and would answer as we do: a GET of all
 * or of one range. Validators are ours and say nothing to a store. Answers whether it did.
 */
export async function redirected(
  request: Request,
  response: Response,
  { direct }: Storage,
  file: Pick<FileRow, 'objectKey' | 'name' | 'contentType'>,
): Promise<boolean> {
  if (direct?.signRead === undefined || request.method !== 'GET') return false
  if (validators.some((name) => request.get(name) !== undefined)) return false
  if (request.get('Range')?.includes(',')) return false
  const { url } = await direct.signRead(file.objectKey, {
    disposition: contentDisposition('attachment', file.name),
    contentType: safeContentType(file.contentType),
  })
  response.writeHead(302, { Location: url, 'Cache-Control': 'no-store', 'Content-Length': 0 }).end()
  return true
}
