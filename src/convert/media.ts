import type { BoxPlace } from './box.ts'
import { ConversionError } from './conversion-error.ts'
import type { ConversionOptions } from './formats.ts'
import { type RunLimits, runTool } from './run-tool.ts'

export type MediaFormat = 'mp3' | 'm4a' | 'ogg' | 'opus' | 'flac' | 'wav' | 'mp4' | 'webm'

/** Names are those of files in the scratch folder. */
export type MediaRequest = {
  source: string
  target: string
  /** The only container format that is read, whatever the source claims to be: a playlist would name other files. */
  demuxer: string
  format: MediaFormat
  options: ConversionOptions
  maxPixels: number
  /** Told how far it is, from 0 to 1, where the source says how long it is. */
  onProgress: (share: number) => void
}

type Recipe = { muxer: string; audio: string; video?: string; args?: readonly string[] }

/** Encoders that each format needs. */
const recipes: Record<MediaFormat, Recipe> = {
  mp3: { muxer: 'mp3', audio: 'libmp3lame' },
  m4a: { muxer: 'ipod', audio: 'aac' },
  ogg: { muxer: 'ogg', audio: 'libvorbis' },
  opus: { muxer: 'ogg', audio: 'libopus' },
  flac: { muxer: 'flac', audio: 'flac' },
  wav: { muxer: 'wav', audio: 'pcm_s16le' },
  // The index comes first, so that it plays while it is still being fetched.
  mp4: { muxer: 'mp4', audio: 'aac', video: 'libx264', args: ['-movflags', '+faststart', '-preset', 'fast'] },
  webm: { muxer: 'webm', audio: 'libopus', video: 'libvpx-vp9', args: ['-b:v', '0', '-row-mt', '1', '-cpu-used', '4'] },
}

/** The formats that an ffmpeg with these encoders can write. */
export function mediaFormatsOf(encoders: ReadonlySet<string>): MediaFormat[] {
  const names: MediaFormat[] = ['mp3', 'm4a', 'ogg', 'opus', 'flac', 'wav', 'mp4', 'webm']
  return names.filter((name) => {
    const { audio, video } = recipes[name]
    return encoders.has(audio) && (video === undefined || encoders.has(video))
  })
}

/** Converts by ffmpeg. Throws ConversionError, or the signal's reason. */
export async function convertMedia(
  ffmpeg: string,
  place: BoxPlace,
  request: MediaRequest,
  limits: RunLimits,
): Promise<void> {
  let complaint = ''
  let totalSeconds: number | undefined = request.options.durationSeconds
  const onLine = (line: string, stream: 'stdout' | 'stderr'): void => {
    if (stream === 'stderr') {
      if (/matches no streams|does not contain any stream|Output file is empty/.test(line)) complaint = line
      totalSeconds ??= durationIn(line)
      return
    }
    const microseconds = /^out_time_us=(\d+)/.exec(line)?.[1]
    if (microseconds && totalSeconds) request.onProgress(Math.min(1, Number(microseconds) / 1e6 / totalSeconds))
  }
  try {
    await runTool(place, { command: ffmpeg, args: commandLine(request), onLine }, limits)
  } catch (error) {
    if (complaint === '' || !(error instanceof ConversionError) || error.code !== 'CONVERSION_FAILED') throw error
    throw lacksStream(request.format)
  }
  if (complaint !== '') throw lacksStream(request.format)
}

function lacksStream(format: MediaFormat): ConversionError {
  const what = recipes[format].video === undefined ? 'sound' : 'moving picture'
  return new ConversionError('CONVERSION_UNSUPPORTED', `It has no ${what}, so it cannot become ${format}.`)
}

/** `  Duration: 00:01:02.50, start: …` */
function durationIn(line: string): number | undefined {
  const [, hours, minutes, seconds] = /^\s*Duration: (\d+):(\d\d):(\d\d\.\d+)/.exec(line) ?? []
  return hours === undefined ? undefined : Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)
}

function commandLine(request: MediaRequest): string[] {
  const { source, target, format, options } = request
  const recipe = recipes[format]
  return [
    ['-hide_banner', '-nostdin', '-nostats', '-loglevel', 'info', '-progress', 'pipe:1'],
    inputArguments(request),
    ['-i', source, '-sn', '-dn', '-map_chapters', '-1'],
    ['-map_metadata', options.metadata === 'keep' ? '0' : '-1'],
    // The same source gives the same bytes: no version, no time of writing.
    ['-fflags', '+bitexact', '-flags:v', '+bitexact', '-flags:a', '+bitexact'],
    recipe.video === undefined ? ['-map', '0:a:0', '-vn'] : videoArguments(request, recipe.video),
    audioArguments(recipe.audio, options),
    recipe.args ?? [],
    ['-f', recipe.muxer, '-y', target],
  ].flat()
}

function inputArguments({ demuxer, options, maxPixels }: MediaRequest): string[] {
  const part = [
    ...(options.startSeconds === undefined ? [] : ['-ss', String(options.startSeconds)]),
    ...(options.durationSeconds === undefined ? [] : ['-t', String(options.durationSeconds)]),
  ]
  const only = ['-protocol_whitelist', 'file', '-format_whitelist', demuxer, '-f', demuxer]
  return [...only, '-max_pixels', String(maxPixels), ...part]
}

function audioArguments(encoder: string, { audioKbps }: ConversionOptions): string[] {
  const isLossless = encoder === 'flac' || encoder === 'pcm_s16le'
  // Surround sound becomes stereo, which every player has; mono stays what it is.
  const layout = isLossless ? [] : ['-af', 'aformat=channel_layouts=stereo|mono']
  return ['-c:a', encoder, ...layout, ...(audioKbps === undefined ? [] : ['-b:a', `${audioKbps}k`])]
}

function videoArguments({ format, options }: MediaRequest, encoder: string): string[] {
  const { quality = 70, frameRate } = options
  // CRF falls as quality rises: 70 is about the encoders' own middle.
  const crf = Math.round(format === 'mp4' ? 51 - 0.4 * quality : 63 - 0.45 * quality)
  return [
    ['-map', '0:V:0', '-map', '0:a:0?', '-c:v', encoder, '-pix_fmt', 'yuv420p', '-crf', String(crf)],
    ['-vf', scaleFilter(options)],
    frameRate === undefined ? [] : ['-r', String(frameRate)],
  ].flat()
}

/** Into the given box, never larger than the source, and even: these encoders take colour by squares of two pixels. */
function scaleFilter({ width, height }: ConversionOptions): string {
  if (width === undefined && height === undefined) return 'scale=trunc(iw/2)*2:trunc(ih/2)*2'
  const w = width === undefined ? -2 : `min(${Math.max(2, width)}\\,iw)`
  const h = height === undefined ? -2 : `min(${Math.max(2, height)}\\,ih)`
  if (w === -2 || h === -2) return `scale=${w}:${h},scale=trunc(iw/2)*2:trunc(ih/2)*2`
  return `scale=${w}:${h}:force_original_aspect_ratio=decrease:force_divisible_by=2`
}
