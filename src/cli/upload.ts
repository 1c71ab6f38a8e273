import mime from 'mime'
import type { Client, FileView, UploadOptions, UploadState } from '../client/node.ts'
import { type Command, type Context, type Given, textOf } from './command.ts'
import { exitCodeOf, exitCodes, Interrupted, UsageError } from './exit.ts'
import { formatAdvance, formatBytes, shown } from './format.ts'
import { findFiles, type LocalFile } from './local-files.ts'
import { countOf, momentOf, requireWords, sizeOf } from './parse.ts'
import { secretIn } from './secret.ts'

export const upload: Command = {
  name: 'upload',
  summary: 'Upload files, folders, or standard input.',
  usage: 'PATH…',
  details:
    'Prints the id and the name of each file. Interrupted, the same command goes on where it was. Files of a folder are named by their path in it. "-" is standard input, which is written down first.',
  flags: {
    name: { type: 'string', value: 'NAME', help: 'What the file shall be called; for one file only.' },
    type: { type: 'string', value: 'TYPE', help: 'Its media type, in place of what its name says.' },
    pool: { type: 'string', value: 'ID', help: 'The pool to put it into.' },
    bundle: { type: 'string', value: 'ID', help: 'The bundle to put it into.' },
    expires: { type: 'string', value: 'WHEN', help: 'When the file expires: a date, or 12h, 30d, 4w from now.' },
    password: {
      type: 'string',
      value: '@FILE',
      help: 'Encrypt it for whoever knows this; @FILE reads it from a file, so that no list of processes shows it.',
    },
    parallel: { type: 'string', value: 'N', help: 'Chunks at once, in place of what is found out to be best.' },
    'chunk-size': { type: 'string', value: 'SIZE', help: 'Bytes of a chunk, such as 16M.' },
    files: { type: 'string', value: 'N', help: 'Files at once (3).' },
  },
  examples: [
    'longshore upload film.mp4',
    'longshore upload photos/ --bundle 550e8400-e29b-41d4-a716-446655440000 --expires 30d',
    'pg_dump shop | longshore upload - --name shop.sql',
    'longshore upload film.mp4 --json | jq -r .[0].id',
  ],
  run: async (context, given) => {
    requireWords(given, { least: 1 }, 'what to upload')
    const client = await context.client()
    const options = await optionsOf(given)
    const files = given.positionals.includes('-') ? [standardInput(given)] : await findFiles(given.positionals)
    if (files.length > 1 && textOf(given, 'name') !== undefined) throw new UsageError('--name is for one file only')
    if (files.length === 0) throw new UsageError('there are no files in it')
    return new Batch(context, client, options).send(files, countOf(textOf(given, 'files'), 'files') ?? 3)
  },
}

async function optionsOf(given: Given): Promise<UploadOptions> {
  return {
    fileName: textOf(given, 'name'),
    contentType: textOf(given, 'type'),
    poolId: textOf(given, 'pool'),
    bundleId: textOf(given, 'bundle'),
    expiredAt: momentOf(textOf(given, 'expires'), 'expires'),
    encryptPassword: await secretIn(textOf(given, 'password')),
    parallel: countOf(textOf(given, 'parallel'), 'parallel'),
    chunkSize: sizeOf(textOf(given, 'chunk-size'), 'chunk-size'),
  }
}

function standardInput(given: Given): LocalFile {
  if (given.positionals.length > 1) throw new UsageError('standard input is uploaded alone')
  return { path: '-', name: textOf(given, 'name') ?? 'stdin', sizeBytes: 0 }
}

/** Several uploads, and the one line that tells of all of them. */
class Batch {
  readonly #context: Context
  readonly #client: Client
  readonly #options: UploadOptions
  readonly #underWay = new Map<LocalFile, UploadState>()
  readonly #done: (FileView & { path: string })[] = []
  #doneBytes = 0
  #totalBytes = 0
  #filesCount = 0
  #worstExit: number = exitCodes.done

  constructor(context: Context, client: Client, options: UploadOptions) {
    this.#context = context
    this.#client = client
    this.#options = options
  }

  async send(files: readonly LocalFile[], atOnce: number): Promise<number> {
    const { terminal, signal, json } = this.#context
    this.#filesCount = files.length
    this.#totalBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0)
    const queue = files.values()
    const work = async (): Promise<void> => {
      for (const file of queue) {
        if (signal.aborted) return
        await this.#sendOne(file)
      }
    }
    await Promise.all(Array.from({ length: Math.min(atOnce, files.length) }, work))
    terminal.status('')
    if (json) terminal.print(JSON.stringify(this.#done))
    if (signal.aborted) {
      terminal.note('Interrupted. The same command goes on where this one was.')
      return exitCodes.interrupted
    }
    return this.#worstExit
  }

  async #sendOne(file: LocalFile): Promise<void> {
    const { terminal, signal, json, stdin } = this.#context
    try {
      const made = await this.#client.upload(file.path === '-' ? stdin : file.path, {
        ...this.#options,
        fileName: this.#options.fileName ?? file.name,
        contentType: this.#options.contentType ?? mime.getType(file.name) ?? undefined,
        signal,
        onProgress: (state) => this.#tell(file, state),
      })
      this.#done.push({ ...made, path: file.path })
      this.#doneBytes += made.size
      if (!json) terminal.print(`${made.id}  ${shown(made.name)}`)
    } catch (error) {
      if (error instanceof Interrupted) return
      terminal.problem(`${file.path}: ${error instanceof Error ? error.message : String(error)}`)
      this.#worstExit = Math.max(this.#worstExit, exitCodeOf(error))
    } finally {
      this.#underWay.delete(file)
    }
  }

  #tell(file: LocalFile, state: UploadState): void {
    this.#underWay.set(file, state)
    const states = [...this.#underWay.values()]
    const sending = states.filter(({ phase }) => phase !== 'hashing')
    const verb = sending.length === 0 ? 'reading ' : ''
    const isChecking = sending.length > 0 && sending.every(({ phase }) => phase === 'finishing')
    const measured = sending.length === 0 ? states : sending
    const loadedBytes = this.#doneBytes + measured.reduce((sum, { loadedBytes: loaded }) => sum + loaded, 0)
    const totalBytes = Math.max(this.#totalBytes, loadedBytes, state.totalBytes)
    const bytesPerSecond = measured.reduce((sum, one) => sum + one.bytesPerSecond, 0)
    const secondsLeft = bytesPerSecond === 0 ? null : (totalBytes - loadedBytes) / bytesPerSecond
    const which = this.#filesCount === 1 ? shown(file.name) : `${this.#done.length} of ${this.#filesCount} files`
    const line = formatAdvance({ loadedBytes, totalBytes, bytesPerSecond, secondsLeft })
    this.#context.terminal.status(`${isChecking ? `checking ${formatBytes(totalBytes)}` : `${verb}${line}`}  ${which}`)
  }
}
