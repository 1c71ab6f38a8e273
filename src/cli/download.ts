import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Client, FileView } from '../client/node.ts'
import { type Command, type Context, type Given, textOf } from './command.ts'
import { exitCodeOf, exitCodes, Interrupted, UsageError } from './exit.ts'
import { formatAdvance, shown } from './format.ts'
import { requireWords } from './parse.ts'

export const download: Command = {
  name: 'download',
  summary: 'Fetch files, and check them.',
  usage: 'ID…',
  details:
    'Prints the path of each file, which is there only once all of it has come and its SHA-256 was checked. Interrupted, the same command goes on where it was.',
  flags: {
    output: {
      type: 'string',
      short: 'o',
      value: 'PATH',
      help: 'The file or folder to write; "-" is standard output. Else the name that the file has, here.',
    },
    bundle: { type: 'string', value: 'ID', help: 'All files of this bundle.' },
    force: { type: 'boolean', short: 'f', help: 'Write over what is there.' },
  },
  examples: [
    'longshore download 550e8400-e29b-41d4-a716-446655440000',
    'longshore download 550e8400-e29b-41d4-a716-446655440000 -o backup.tar',
    'longshore download --bundle 9b2d6a1c-3f5e-4d80-8b7a-1c2d3e4f5a6b -o photos/',
    'longshore download 550e8400-e29b-41d4-a716-446655440000 -o - | tar x',
  ],
  run: async (context, given) => {
    const bundleId = textOf(given, 'bundle')
    requireWords(given, { least: bundleId === undefined ? 1 : 0 }, 'the id of a file')
    const client = await context.client()
    const files: FileView[] = []
    for (const id of given.positionals) files.push(await client.files.get(id, { signal: context.signal }))
    if (bundleId !== undefined) for await (const file of client.files.each({ bundleId })) files.push(file)
    if (textOf(given, 'output') === '-') return toStandardOutput(context, client, files)
    return toPaths(context, client, given, files)
  },
}

async function toPaths(context: Context, client: Client, given: Given, files: readonly FileView[]): Promise<number> {
  const { terminal, signal, json } = context
  const output = textOf(given, 'output')
  const isFolder =
    output !== undefined && (output.endsWith('/') || (await stat(output).catch(() => undefined))?.isDirectory())
  if (files.length > 1 && output !== undefined && !isFolder) throw new UsageError(`${output} is not a folder`)
  const done: (FileView & { path: string })[] = []
  let worstExit: number = exitCodes.done
  for (const file of files) {
    const path = isFolder ? join(output, safeName(file)) : (output ?? safeName(file))
    try {
      if (given.flags['force'] !== true && (await stat(path).catch(() => undefined)) !== undefined) {
        throw new UsageError('it is there already; --force writes over it')
      }
      await client.files.downloadTo(file.id, path, {
        signal,
        onProgress: (progress) => terminal.status(`${formatAdvance(progress)}  ${shown(file.name)}`),
      })
      done.push({ ...file, path })
      if (!json) terminal.print(path)
    } catch (error) {
      if (error instanceof Interrupted) {
        terminal.note('Interrupted. The same command goes on where this one was.')
        return exitCodes.interrupted
      }
      terminal.problem(`${path}: ${error instanceof Error ? error.message : String(error)}`)
      worstExit = Math.max(worstExit, exitCodeOf(error))
    }
  }
  terminal.status('')
  if (json) terminal.print(JSON.stringify(done))
  return worstExit
}

async function toStandardOutput({ terminal, signal }: Context, client: Client, files: readonly FileView[]) {
  for (const file of files) {
    const stream = await client.files.stream(file.id, { signal })
    await pipeline(stream, terminal.stdout, { end: false })
  }
  return exitCodes.done
}

/** The name without its folders and without what a file system or a terminal would take for something else. */
function safeName(file: FileView): string {
  const last = shown(file.name).split(/[/\\]/).at(-1) ?? ''
  const name = last.replace(/[:*?"<>|]/g, '_').slice(-200)
  return name === '' || name === '.' || name === '..' ? file.id : name
}
