import { createInterface } from 'node:readline'
import sharp, { type Metadata, type Sharp } from 'sharp'
import type { ImageAnswer, ImageRequest } from './image.ts'

// What ./image.ts starts in a box: a request a line on stdin, an answer a line on stdout. It ends with its stdin.

/** The only readers of libvips that are let at a file, each only where the file begins as its own do. */
const loaders: Record<ImageRequest['loader'], string> = {
  jpeg: 'VipsForeignLoadJpegFile',
  png: 'VipsForeignLoadPngFile',
  webp: 'VipsForeignLoadWebpFile',
  gif: 'VipsForeignLoadNsgifFile',
  tiff: 'VipsForeignLoadTiffFile',
  heif: 'VipsForeignLoadHeifFile',
}
const white = '#ffffff'

class TooLarge extends Error {}

async function answer(request: ImageRequest): Promise<ImageAnswer> {
  try {
    sharp.block({ operation: ['VipsForeignLoad'] })
    sharp.unblock({ operation: [loaders[request.loader]] })
    await convert(request)
    return { outcome: 'done' }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    const isTooLarge = error instanceof TooLarge || /pixel limit/i.test(reason)
    return { outcome: isTooLarge ? 'too large' : 'failed', reason }
  }
}

async function convert({ source, target, format, options, maxPixels }: ImageRequest): Promise<void> {
  const animated = options.animated ?? (format === 'gif' || format === 'webp')
  // Only the header is read: what it promises would need memory for every pixel.
  const metadata = await sharp(source, { animated, limitInputPixels: false }).metadata()
  const frames = animated ? (metadata.pages ?? 1) : 1
  checkSize(metadata, { options, frames, maxPixels })
  const input = sharp(source, { animated, limitInputPixels: maxPixels, failOn: 'error' })
  // A picture that moves has no orientation to go by.
  const upright = frames > 1 ? input : input.autoOrient()
  const sized = resized(upright, options)
  const kept = options.metadata === 'keep' ? sized.keepMetadata() : sized
  await encoded(kept, format, options).toFile(target)
}

/** Throws TooLarge for more pixels than allowed, before or after. */
function checkSize(
  { autoOrient, pageHeight }: Metadata,
  { options, frames, maxPixels }: { options: ImageRequest['options']; frames: number; maxPixels: number },
): void {
  const from = { width: autoOrient.width, height: frames > 1 ? (pageHeight ?? autoOrient.height) : autoOrient.height }
  const to = sizeAfter(from, options)
  for (const { width, height } of [from, to]) {
    const pixels = width * height * frames
    if (pixels > maxPixels) {
      const shape = `${Math.round(width)} x ${Math.round(height)}${frames > 1 ? ` x ${frames} frames` : ''}`
      throw new TooLarge(`${shape} are ${Math.ceil(pixels / 1e6)} megapixels`)
    }
  }
}

type Size = { width: number; height: number }

function sizeAfter(from: Size, { width, height, fit = 'inside' }: ImageRequest['options']): Size {
  if (width === undefined && height === undefined) return from
  if (width !== undefined && height !== undefined && fit !== 'inside' && fit !== 'outside') return { width, height }
  const scales = [width && width / from.width, height && height / from.height].filter((scale) => scale !== undefined)
  const scale = fit === 'outside' ? Math.max(...scales) : Math.min(1, ...scales)
  return { width: from.width * scale, height: from.height * scale }
}

function resized(image: Sharp, { width, height, fit = 'inside' }: ImageRequest['options']): Sharp {
  if (width === undefined && height === undefined) return image
  const transparent = { r: 0, g: 0, b: 0, alpha: 0 }
  return image.resize({
    ...(width === undefined ? {} : { width }),
    ...(height === undefined ? {} : { height }),
    fit,
    withoutEnlargement: fit === 'inside',
    background: transparent,
  })
}

function encoded(image: Sharp, format: ImageRequest['format'], options: ImageRequest['options']): Sharp {
  const quality = options.quality === undefined ? {} : { quality: options.quality }
  switch (format) {
    case 'jpeg':
      // In colours, so that the background's are not lost on a picture in grey.
      return image
        .pipelineColourspace('srgb')
        .flatten({ background: options.background ?? white })
        .jpeg(quality)
    case 'png':
      return image.png()
    case 'webp':
      return image.webp(quality)
    case 'avif':
      return image.avif(quality)
    case 'gif':
      return image.gif()
    case 'tiff':
      return image.tiff({ compression: 'lzw' })
  }
}

/** It comes from our own side; this is for the compiler. */
function isRequest(value: unknown): value is ImageRequest {
  return typeof value === 'object' && value !== null && 'loader' in value
}

// Between two pictures nothing is worth keeping.
sharp.cache(false)
for await (const line of createInterface({ input: process.stdin })) {
  const request: unknown = JSON.parse(line)
  if (!isRequest(request)) throw new TypeError('not a request')
  process.stdout.write(`${JSON.stringify(await answer(request))}\n`)
}
