import type { FileView } from '../contract/file.ts'
import type { UploadView } from '../contract/upload.ts'
import type { Api } from './api.ts'
import { pause, reasonOf } from './backoff.ts'
import { apiDoor, type Door } from './chunk-door.ts'
import { ChunkSender } from './chunk-sender.ts'
import { DirectDoor } from './direct-door.ts'
import { LongshoreError } from './errors.ts'
import { Gate } from './gate.ts'
import { Parallelism } from './parallelism.ts'
import type { Platform, Source } from './platform.ts'
import { ResumeNotes } from './resume.ts'
import { sendChunks } from './send-chunks.ts'
import { type FoundUpload, findOrCreate } from './upload-plan.ts'
import { UploadMeter } from './upload-meter.ts'
import type { UploadHandle, UploadOptions } from './upload-options.ts'

export type UploadDeps = { api: Api; platform: Platform }

/** Rounds in which the server asks for chunks again, before something is wrong that sending does not mend. */
const roundsAtMost = 10
const pollPausedMs = 2000

/** Begins an upload, or goes on with the one that was begun with these bytes before. */
export function startUpload(deps: UploadDeps, input: unknown, options: UploadOptions): UploadHandle {
  const upload = new Upload(deps, options)
  return Object.assign(upload.run(input), {
    state: () => upload.meter.state(),
    pause: () => upload.pause(),
    resume: () => upload.resume(),
    cancel: () => upload.cancel(),
  })
}

class Upload {
  readonly meter: UploadMeter
  readonly #deps: UploadDeps
  readonly #options: UploadOptions
  readonly #gate = new Gate()
  readonly #stopping = new AbortController()
  readonly #notes: ResumeNotes
  readonly #parallelism: Parallelism
  #taskId: string | undefined
  #noteKey: string | undefined
  #pausing: Promise<void> | undefined

  constructor(deps: UploadDeps, options: UploadOptions) {
    const { platform } = deps
    this.#deps = deps
    this.#options = options
    this.#parallelism = new Parallelism(options.parallel, platform.mostParallel)
    this.#notes = new ResumeNotes(
      options.resumeStore === null ? nowhere : (options.resumeStore ?? platform.resumeStore),
    )
    this.meter = new UploadMeter(options.onProgress, () => ({
      isPaused: !this.#gate.isOpen,
      parallel: this.#parallelism.limit,
    }))
  }

  async run(input: unknown): Promise<FileView> {
    const { signal } = this.#options
    const stop = (): void => this.#stopping.abort(reasonOf(signal))
    if (signal?.aborted) stop()
    signal?.addEventListener('abort', stop, { once: true })
    let source: Source | undefined
    try {
      this.#stopping.signal.throwIfAborted()
      source = await this.#deps.platform.openSource(input)
      const file = await this.#upload(source)
      this.meter.done()
      await this.#forget()
      return file
    } catch (error) {
      if (error instanceof LongshoreError && endings.has(error.code)) await this.#forget()
      throw error
    } finally {
      this.meter.stop()
      signal?.removeEventListener('abort', stop)
      await source?.close()
    }
  }

  /** Whoever pauses it as he is told of progress is told of that, and may do it once more: it is paused once. */
  async pause(): Promise<void> {
    this.#pausing ??= this.#hold()
    return this.#pausing
  }

  async #hold(): Promise<void> {
    this.#gate.shut()
    queueMicrotask(() => this.meter.tell())
    if (this.#taskId !== undefined) await this.#control('pause')
  }

  async resume(): Promise<void> {
    if (this.#taskId !== undefined) await this.#control('resume')
    this.#goOn()
  }

  async cancel(): Promise<void> {
    this.#stopping.abort(new LongshoreError('UPLOAD_CANCELLED', 'The upload was cancelled.'))
    if (this.#taskId === undefined) return
    await this.#deps.api.nothing({ method: 'DELETE', path: `/files/upload/task/${this.#taskId}`, isRepeatable: true })
    await this.#forget()
  }

  async #upload(source: Source): Promise<FileView> {
    const signal = this.#stopping.signal
    this.meter.begin(source, this.#options.fileName)
    const found = await findOrCreate({ ...this.#deps, notes: this.#notes, signal }, source, this.#options, this.meter)
    if ('file' in found) return found.file
    this.#taskId = found.taskId
    this.#noteKey = found.noteKey
    // It was paused before there was anything to pause on the server.
    if (!this.#gate.isOpen) await this.#control('pause')
    this.meter.uploading(found)
    const sender = this.#senderOf(found, source)
    let missing = found.missing
    for (let round = 0; round < roundsAtMost; round++) {
      await this.#send(missing, sender)
      const outcome = await this.#complete(found.taskId)
      if ('file' in outcome) return outcome.file
      missing = outcome.missing
      this.meter.again(missing)
    }
    throw new LongshoreError('CHUNKS_DAMAGED', 'Chunks arrive damaged again and again.', { details: { missing } })
  }

  async #send(missing: readonly number[], { door, sender }: { door: Door; sender: ChunkSender }): Promise<void> {
    const signal = this.#stopping.signal
    for (let indexes = missing; indexes.length > 0; ) {
      await sendChunks({
        indexes,
        sendOne: (index, stopped) => sender.send(index, stopped),
        limit: () => this.#parallelism.limit,
        gate: this.#gate,
        signal,
      })
      indexes = await door.settle(signal)
      this.meter.again(indexes)
    }
  }

  #senderOf(found: FoundUpload, source: Source): { door: Door; sender: ChunkSender } {
    const { api, platform } = this.#deps
    const throughApi = apiDoor(api, platform, found.taskId)
    const { taskId, direct: page } = found
    const door = page === undefined ? throughApi : new DirectDoor(api, platform, { taskId, page, instead: throughApi })
    const sender = new ChunkSender({
      source,
      plan: { chunkSize: found.chunkSize, sizeBytes: source.sizeBytes, chunksCount: found.chunksCount },
      door,
      gate: this.#gate,
      parallelism: this.#parallelism,
      giveUpAfterMs: (this.#options.giveUpAfterSeconds ?? 300) * 1000,
      onArrived: (index, sizeBytes) => this.meter.arrived(index, sizeBytes),
      whilePaused: (signal) => this.#whilePaused(signal),
    })
    return { door, sender }
  }

  /** Has the file made. Answers which chunks are wanted again when that cannot be done with those that are there. */
  async #complete(taskId: string): Promise<{ file: FileView } | { missing: number[] }> {
    const signal = this.#stopping.signal
    for (;;) {
      await this.#gate.pass(signal)
      this.meter.finishing()
      try {
        const path = `/files/upload/complete/${taskId}`
        const answer = await this.#deps.api.json<FileView | UploadView>({
          method: 'POST',
          path,
          isRepeatable: true,
          signal,
        })
        if (!('taskId' in answer)) return { file: answer }
      } catch (error) {
        if (!(error instanceof LongshoreError)) throw error
        if (error.code === 'UPLOAD_PAUSED') await this.#whilePaused(signal)
        else if (error.code === 'CHUNKS_MISSING' || error.code === 'CHUNKS_DAMAGED') return missingIn(error)
        else throw error
      }
    }
  }

  /** Somebody else paused it: shuts the gate until it is resumed, here or there. */
  async #whilePaused(signal: AbortSignal): Promise<void> {
    this.#gate.shut()
    this.meter.tell()
    while (!this.#gate.isOpen) {
      await Promise.race([this.#gate.pass(signal), pause(pollPausedMs, signal)])
      if (this.#gate.isOpen) return
      const path = `/files/upload/progress/${this.#taskId}`
      const { status } = await this.#deps.api.json<Pick<UploadView, 'status'>>({ path, signal })
      if (status !== 'Paused') this.#goOn()
    }
  }

  #goOn(): void {
    this.#pausing = undefined
    this.#parallelism.restart()
    this.meter.restart()
    this.#gate.open()
  }

  /**
   * Pauses or resumes it on the server. That it is so already, or has ended, is no error; nor that the token is for sending alone: then it is
   * held here and nowhere else.
   */
  async #control(verb: 'pause' | 'resume'): Promise<void> {
    try {
      await this.#deps.api.nothing({ method: 'POST', path: `/tasks/${this.#taskId}/${verb}`, isRepeatable: true })
    } catch (error) {
      if (!(error instanceof LongshoreError) || !['TASK_STATE', 'FORBIDDEN'].includes(error.code)) throw error
    }
  }

  async #forget(): Promise<void> {
    if (this.#noteKey !== undefined) await this.#notes.forget(this.#noteKey)
  }
}

/** After these there is nothing to go on with. */
const endings = new Set(['UPLOAD_ENDED', 'HASH_MISMATCH', 'UPLOAD_CANCELLED', 'TASK_NOT_FOUND', 'CHUNKS_DAMAGED'])

const nowhere = { get: async () => undefined, set: async () => {}, delete: async () => {} }

function missingIn(error: LongshoreError): { missing: number[] } {
  const { missingChunks } = error.details
  if (!Array.isArray(missingChunks)) throw error
  return { missing: missingChunks.filter((index) => typeof index === 'number') }
}
