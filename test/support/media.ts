import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { z } from 'zod'

const run = promisify(execFile)
const stream = z.object({ codec_name: z.string(), width: z.int().optional(), height: z.int().optional() })
const facts = z.object({ streams: z.array(stream), format: z.object({ duration: z.coerce.number() }) })

/** A folder of its own for a call of a command; answers what the command left in `file`. */
async function made(file: string, command: string, args: readonly string[]): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'longshore-media-'))
  try {
    await run(command, [...args], { cwd: folder })
    return await readFile(join(folder, file))
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** A picture by ImageMagick: its arguments before the name of the file. */
export function picture(extension: string, ...args: string[]): Promise<Buffer> {
  return made(`made.${extension}`, 'convert', [...args, `made.${extension}`])
}

/** Sound or video by ffmpeg, of so many seconds; a video is a test picture of this size. */
export function recording(extension: string, seconds: number, size?: string): Promise<Buffer> {
  const video = size === undefined ? [] : ['-f', 'lavfi', '-i', `testsrc=d=${seconds}:s=${size}`]
  const sound = ['-f', 'lavfi', '-i', `sine=d=${seconds}`]
  return made(`made.${extension}`, 'ffmpeg', ['-v', 'error', ...video, ...sound, '-shortest', `made.${extension}`])
}

/** What ImageMagick says of a picture, by a format of its own, a line for each frame. */
export async function identify(bytes: Buffer, format = '%m %w %h\n'): Promise<string[]> {
  return (await inspected(bytes, 'identify', ['-format', format])).trim().split('\n')
}

/** What ffprobe says of a recording: the codec of each stream, then the container's duration in seconds. */
export async function probe(bytes: Buffer): Promise<{ codecs: string[]; seconds: number; size: string }> {
  const fields = 'stream=codec_name,width,height:format=duration'
  const text = await inspected(bytes, 'ffprobe', ['-v', 'error', '-show_entries', fields, '-of', 'json'])
  const { streams, format } = facts.parse(JSON.parse(text))
  const video = streams.find((one) => one.width !== undefined)
  return {
    codecs: streams.map((one) => one.codec_name),
    seconds: format.duration,
    size: video === undefined ? '' : `${video.width}x${video.height}`,
  }
}

async function inspected(bytes: Buffer, command: string, args: readonly string[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'longshore-media-'))
  try {
    await writeFile(join(folder, 'file'), bytes)
    const { stdout } = await run(command, [...args, join(folder, 'file')])
    return stdout
  } finally {
    await rm(folder, { recursive: true })
  }
}
