import { join } from 'node:path'
import { z } from 'zod'
import { packageRoot } from '../package-root.ts'
import { type Box, type BoxPlace, openBox } from './box.ts'
import { ConversionError } from './conversion-error.ts'
import type { ImageLoader } from './detect.ts'
import type { ConversionOptions } from './formats.ts'
import { failure, printable, type RunLimits, untilEnd } from './run-tool.ts'

export type ImageFormat = 'jpeg' | 'png' | 'webp' | 'avif' | 'gif' | 'tiff'

/** Names are those of files in the scratch folder. */
export type ImageRequest = {
  source: string
  target: string
  loader: ImageLoader
  format: ImageFormat
  options: ConversionOptions
  maxPixels: number
}

const imageAnswer = z.object({ outcome: z.enum(['done', 'too large', 'failed']), reason: z.string().default('') })
export type ImageAnswer = z.input<typeof imageAnswer>

type Waiting = { resolve: (answer: z.infer<typeof imageAnswer>) => void; reject: (error: Error) => void }
type Running = { box: Box; served: number; waiting: Waiting | undefined }

/**
 * Converts images one after the other in a process of its own, which is started for the first and kept for the others:
 * a start takes longer than most pictures. One that died is replaced.
 */
export class ImageConverter {
  readonly #place: BoxPlace
  #running: Running | undefined

  constructor(place: BoxPlace) {
    this.#place = place
  }

  /** Throws ConversionError, or the signal's reason. */
  async convert(request: ImageRequest, limits: RunLimits): Promise<void> {
    const served = this.#running?.served ?? 0
    try {
      await this.#ask(request, limits)
    } catch (error) {
      // It died: what earlier pictures left in its memory may have been too much for this one.
      const isWorn = served > 0 && this.#running === undefined && !limits.signal.aborted
      const isLate = error instanceof ConversionError && error.code === 'CONVERSION_TIMEOUT'
      if (!isWorn || isLate) throw error
      await this.#ask(request, limits)
    }
  }

  async close(): Promise<void> {
    const running = this.#running
    if (running === undefined) return
    running.box.stop()
    await running.box.ended.catch(() => undefined)
    if (this.#running === running) this.#running = undefined
  }

  async #ask(request: ImageRequest, limits: RunLimits): Promise<void> {
    limits.signal.throwIfAborted()
    const running = (this.#running ??= this.#start())
    running.served++
    const answering = new Promise<z.infer<typeof imageAnswer>>((resolve, reject) => {
      running.waiting = { resolve, reject }
    })
    running.box.stdin.write(`${JSON.stringify(request)}\n`)
    const { outcome, reason } = await untilEnd(running.box, limits, answering)
    if (outcome === 'too large') {
      const most = `${request.maxPixels / 1e6} megapixels are allowed`
      throw new ConversionError('IMAGE_TOO_LARGE', `${printable(reason)}; ${most}.`)
    }
    if (outcome === 'failed') throw failure(complaining(reason), this.#place)
  }

  #start(): Running {
    const box = openBox(this.#place, {
      command: process.execPath,
      args: [join(packageRoot(), 'dist', 'src', 'convert', 'image-process.js')],
      // Without it, glibc keeps memory for each thread that ever used some.
      env: { MALLOC_ARENA_MAX: '2' },
      onLine: (line, stream) => {
        const waiting = running.waiting
        if (stream === 'stderr' || waiting === undefined) return
        running.waiting = undefined
        readAnswer(line, waiting)
      },
    })
    const running: Running = { box, served: 0, waiting: undefined }
    const onEnd = (error: Error): void => {
      if (this.#running === running) this.#running = undefined
      running.waiting?.reject(error)
    }
    box.ended.then((end) => onEnd(failure(end, this.#place)), onEnd)
    return running
  }
}

function readAnswer(line: string, { resolve, reject }: Waiting): void {
  try {
    resolve(imageAnswer.parse(JSON.parse(line)))
  } catch (cause) {
    reject(new Error('an image process answered nonsense', { cause }))
  }
}

function complaining(complaint: string) {
  return { why: 'exit', code: 0, signal: null, complaint } as const
}
