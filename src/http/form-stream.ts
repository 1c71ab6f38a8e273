import type { IncomingMessage } from 'node:http'
import { Readable, type Writable } from 'node:stream'
import { AppError } from '../errors.ts'
import { type FormFrame, frameOf, judgeHead, maxHeadBytes } from './form-head.ts'

// Stands for the file's content in what the parser sees. It holds a part's head back until a byte of content shows that
// no boundary follows; any byte but CR does.
const standIn = Buffer.from('.')

/**
 * Feeds a form to its parser, but leads the content of a first part that is a file past it: the parser looks at every
 * byte in JavaScript, which costs more than writing them to the disk. The parser still judges everything else: the head
 * of that part, what follows it, and the end of the form. A form that begins in any other way goes through the parser
 * whole.
 */
export class FormStream {
  readonly #request: IncomingMessage
  readonly #parser: Writable
  /** What came before it was known how the form begins. */
  #start: Buffer = Buffer.alloc(0)
  readonly #frame: FormFrame | undefined
  #file: Readable | undefined
  /** Bytes of the delimiter that the last piece ended with: content, unless the next piece goes on with it. */
  #matchedBytes = 0
  #isWaiting = false
  #isOffered = false

  constructor(request: IncomingMessage, parser: Writable) {
    this.#request = request
    this.#parser = parser
    this.#frame = frameOf(request.headers['content-type'])
  }

  /** Starts reading the request. */
  run(): void {
    if (this.#frame) this.#request.on('data', this.#onStart).once('end', this.#pipeRest)
    else this.#pipeRest()
  }

  /**
   * The content of the file whose stream the parser has just handed out: what to read instead of that stream. Whoever
   * asks must read it to its end or destroy it; the rest of the form is then read to nobody's use. It fails with
   * MALFORMED_MULTIPART when the form ends within the file; of a connection that ends, it does not learn.
   */
  contentOf(parsed: Readable): Readable {
    if (!this.#isOffered) return parsed
    parsed.resume()
    this.#file = new Readable({ read: this.#onWanted })
    // A reader that is not there yet, or not any more, must not make an error one of the process.
    this.#file.on('error', () => {}).once('close', this.#onFileClosed)
    return this.#file
  }

  #onStart = (piece: Buffer): void => {
    const frame = this.#frame
    if (!frame) return
    const before = this.#start
    const start = Buffer.concat([before, piece.subarray(0, maxHeadBytes + frame.delimiter.length)])
    const verdict = judgeHead(frame, start)
    if (verdict === 'more') {
      this.#start = start
      return
    }
    this.#request.off('data', this.#onStart)
    if (verdict === 'unusual') {
      if (before.length > 0) this.#parser.write(before)
      this.#start = piece
      this.#pipeRest()
      return
    }
    this.#start = Buffer.alloc(0)
    this.#offerFile(start.subarray(0, verdict.headBytes))
    this.#request.off('end', this.#pipeRest).on('data', this.#onContent).once('end', this.#onTruncated)
    if (verdict.headBytes < before.length) this.#onContent(before.subarray(verdict.headBytes))
    this.#onContent(piece.subarray(Math.max(0, verdict.headBytes - before.length)))
  }

  /** The parser calls the storage engine from within `write`, or never. */
  #offerFile(head: Buffer): void {
    this.#isOffered = true
    this.#parser.write(Buffer.concat([head, standIn]))
    this.#isOffered = false
  }

  #onContent = (piece: Buffer): void => {
    const delimiter = this.#frame?.delimiter
    if (!delimiter) return
    const went = this.#matchedBytes
    if (went > 0) {
      const lengthBytes = Math.min(delimiter.length - went, piece.length)
      if (delimiter.compare(piece, 0, lengthBytes, went, went + lengthBytes) === 0) {
        this.#matchedBytes += lengthBytes
        if (this.#matchedBytes === delimiter.length) this.#endFile(delimiter, piece.subarray(lengthBytes))
        return
      }
      // A boundary has no CR in it: where the match broke off, nothing of it can begin another.
      this.#matchedBytes = 0
      this.#handOn(delimiter.subarray(0, went))
    }
    const at = piece.indexOf(delimiter)
    if (at >= 0) {
      this.#handOn(piece.subarray(0, at))
      this.#endFile(delimiter, piece.subarray(at + delimiter.length))
      return
    }
    this.#matchedBytes = beginningAtEnd(delimiter, piece)
    this.#handOn(piece.subarray(0, piece.length - this.#matchedBytes))
  }

  #handOn(content: Buffer): void {
    if (!this.#file || this.#file.destroyed || content.length === 0) return
    this.#isWaiting = !this.#file.push(content)
    if (this.#isWaiting) this.#request.pause()
  }

  #onWanted = (): void => {
    if (!this.#isWaiting) return
    this.#isWaiting = false
    this.#request.resume()
  }

  #endFile(delimiter: Buffer, rest: Buffer): void {
    this.#detach()
    this.#file?.push(null)
    this.#parser.write(delimiter)
    this.#start = rest
    this.#pipeRest()
  }

  #onTruncated = (): void => {
    this.#detach()
    this.#parser.end()
    this.#file?.destroy(new AppError('MALFORMED_MULTIPART', 'The form cannot be read: it ends within the file.'))
  }

  /** Nobody wants the content any more; the request must still not stand still. */
  #onFileClosed = (): void => {
    if (!this.#file?.readableEnded) {
      this.#detach()
      this.#request.resume()
    }
  }

  #detach(): void {
    this.#isWaiting = false
    this.#request.off('data', this.#onContent).off('end', this.#onTruncated)
  }

  #pipeRest = (): void => {
    this.#request.off('data', this.#onStart).off('end', this.#pipeRest)
    if (this.#start.length > 0) this.#parser.write(this.#start)
    this.#request.pipe(this.#parser)
  }
}

/** The length of the longest end of the piece that is a beginning of the delimiter, whose only CR is its first byte. */
function beginningAtEnd(delimiter: Buffer, piece: Buffer): number {
  const from = Math.max(0, piece.length - delimiter.length + 1)
  const at = piece.subarray(from).lastIndexOf(0x0d)
  if (at < 0) return 0
  const lengthBytes = piece.length - from - at
  return delimiter.compare(piece, from + at, piece.length, 0, lengthBytes) === 0 ? lengthBytes : 0
}
