import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { BoxPlace } from './box.ts'
import { ConversionError } from './conversion-error.ts'
import { detect, type Detected } from './detect.ts'
import { canBecome, convertDocument, type DocumentFormat } from './document.ts'
import { type ConversionOptions, type Format, formats } from './formats.ts'
import { ImageConverter, type ImageFormat } from './image.ts'
import { convertMedia, type MediaFormat } from './media.ts'
import type { ConversionTools } from './tools.ts'

export type Conversion = {
  /** The source's name in the scratch folder. */
  source: string
  /** What its owner calls it. */
  name: string
  format: Format
  options: ConversionOptions
  signal: AbortSignal
  onProgress: (share: number) => void
}

export type ConverterSettings = { timeoutMs: number; maxPixels: number }

const target = 'result'

/** Converts files that lie in one scratch folder, one after the other. */
export class Converter {
  readonly #tools: ConversionTools
  readonly #place: BoxPlace
  readonly #settings: ConverterSettings
  readonly #images: ImageConverter

  constructor(tools: ConversionTools, place: BoxPlace, settings: ConverterSettings) {
    this.#tools = tools
    this.#place = place
    this.#settings = settings
    this.#images = new ImageConverter(place)
  }

  /**
   * Answers the result's path, which stays until the next conversion. What a file is its bytes say, not its name or type.
   * Throws ConversionError, or the signal's reason.
   */
  async convert(conversion: Conversion): Promise<string> {
    const path = join(this.#place.folder, target)
    await rm(path, { force: true })
    const detected = await detect(join(this.#place.folder, conversion.source), conversion.name)
    await this.#run(conversion, detected)
    return path
  }

  /** Ends what is still running. */
  close(): Promise<void> {
    return this.#images.close()
  }

  async #run(conversion: Conversion, detected: Detected | undefined): Promise<void> {
    const { source, format, options, signal, onProgress } = conversion
    const { ffmpeg, soffice } = this.#tools
    const { timeoutMs, maxPixels } = this.#settings
    const limits = { signal, timeoutMs }
    if (detected?.kind === 'image' && isImage(format)) {
      await this.#images.convert({ source, target, loader: detected.loader, format, options, maxPixels }, limits)
    } else if (detected?.kind === 'media' && isMedia(format) && ffmpeg !== undefined) {
      const request = { source, target, demuxer: detected.demuxer, format, options, maxPixels, onProgress }
      await convertMedia(ffmpeg, this.#place, request, limits)
    } else if (detected?.kind === 'document' && isDocument(format) && canBecome(detected.office, format) && soffice) {
      await convertDocument(soffice, this.#place, { source, target, office: detected.office, format }, limits)
    } else {
      throw unsupported(detected, format)
    }
  }
}

function isImage(format: Format): format is ImageFormat {
  return formats[format].kind === 'image'
}

function isMedia(format: Format): format is MediaFormat {
  return formats[format].kind === 'audio' || formats[format].kind === 'video'
}

function isDocument(format: Format): format is DocumentFormat {
  return formats[format].kind === 'document'
}

function unsupported(detected: Detected | undefined, format: Format): ConversionError {
  const what = detected === undefined ? 'nothing that can be converted' : detected.type
  return new ConversionError('CONVERSION_UNSUPPORTED', `By its bytes it is ${what}, which cannot become ${format}.`)
}
