import type { Writable } from 'node:stream'
import type { Request, Response } from 'express'
import multer, { type StorageEngine } from 'multer'
import { AppError } from '../errors.ts'
import { createDigestCheck, type DeclaredDigest } from '../uploads/digest.ts'
import type { ChunkReceipt } from '../uploads/receive.ts'
import { FormStream } from './form-stream.ts'

type Begin = () => Promise<ChunkReceipt>

/** Receives a chunk that is the request's whole body. Throws what `begin` and the receipt throw. */
export async function receiveRaw(request: Request, begin: Begin): Promise<void> {
  const receipt = await begin()
  try {
    await receipt.write(request)
    await receipt.commit()
  } catch (error) {
    await receipt.abort()
    throw error
  }
}

/**
 * Receives a chunk that is the one file of a multipart form, in the field `chunk`. It streams into the pool as it comes
 * and counts only once the form has come to its proper end.
 */
export async function receiveForm(
  request: Request,
  response: Response,
  declared: readonly DeclaredDigest[],
  begin: Begin,
): Promise<void> {
  // For a form, Content-Digest covers the form, not the file in it (RFC 9530 §2).
  const digests = createDigestCheck(declared)
  if (declared.length > 0) request.on('data', digests.update)
  let receipt: ChunkReceipt | undefined
  let writing: Promise<Partial<Express.Multer.File>> | undefined
  // The form's parser keeps an error to itself until the whole body has come, which may be never.
  let refuse: (error: unknown) => void = () => {}
  const refused = new Promise<never>((_resolve, reject) => {
    refuse = reject
  })
  let form: FormStream | undefined
  const streamHandler: StreamHandler = (_request, parser) => {
    form = new FormStream(request, parser)
    form.run()
  }
  const storage: StorageEngine = {
    _handleFile: (_request, file, done) => {
      const stream = form?.contentOf(file.stream) ?? file.stream
      // The form's parser would wait for ever for the rest of a body whose sender has gone.
      const onClose = (): void => {
        if (!request.complete) stream.destroy(new AppError('CHUNK_TORN', 'The connection ended within the body.'))
      }
      const write = async (): Promise<Partial<Express.Multer.File>> => {
        request.once('close', onClose)
        try {
          receipt = await begin()
          await receipt.write(stream)
          return {}
        } catch (error) {
          stream.destroy()
          throw error
        } finally {
          request.off('close', onClose)
        }
      }
      writing = write()
      writing.catch(refuse)
      void settle(writing, done)
    },
    _removeFile: (_request, _file, done) => done(null),
  }
  try {
    await Promise.race([parseForm(request, response, storage, streamHandler), refused])
    if (!receipt) throw noChunk()
    digests.finish()
    await receipt.commit()
  } catch (error) {
    await writing?.catch(() => {})
    await receipt?.abort()
    throw error
  }
}

async function settle<Value>(promise: Promise<Value>, done: (error?: unknown, value?: Value) => void): Promise<void> {
  try {
    done(null, await promise)
  } catch (error) {
    done(error)
  }
}

const limits = {
  files: 1,
  fields: 8,
  parts: 9,
  fieldSize: 1024,
  fieldNameSize: 100,
  headerPairs: 20,
  fieldNestingDepth: 0,
}

type StreamHandler = (request: Request, parser: Writable) => void

function parseForm(
  request: Request,
  response: Response,
  storage: StorageEngine,
  streamHandler: StreamHandler,
): Promise<void> {
  const options = { storage, limits, streamHandler }
  const parse = multer(options).single('chunk')
  return new Promise((resolve, reject) => {
    parse(request, response, (error: unknown) => {
      if (error) reject(readable(error))
      else resolve()
    })
  })
}

/** What the form's parser says about a broken form is an ordinary Error. */
function readable(error: unknown): Error {
  if (error instanceof multer.MulterError || error instanceof AppError) return error
  if (error instanceof Error && !('code' in error)) {
    return new AppError('MALFORMED_MULTIPART', `The form cannot be read: ${error.message}.`, { cause: error })
  }
  return error instanceof Error ? error : new Error(String(error))
}

function noChunk(): AppError {
  return new AppError('MALFORMED_MULTIPART', 'The form must have one file, in the field "chunk".', {
    details: { field: 'chunk' },
  })
}
