import type { Source } from './platform.ts'
import { SpeedWindow } from './speed.ts'
import type { UploadOptions, UploadPhase, UploadState } from './upload-options.ts'

export type MeteredPlan = {
  taskId: string
  chunkSize: number
  chunksCount: number
  missing: readonly number[]
  isResumed: boolean
}

const betweenMs = 100

/** What an upload has come to, and telling it. */
export class UploadMeter {
  readonly #onProgress: UploadOptions['onProgress']
  readonly #beside: () => Pick<UploadState, 'isPaused' | 'parallel'>
  readonly #speed = new SpeedWindow()
  #phase: UploadPhase = 'hashing'
  #fileName = ''
  #totalBytes = 0
  #loadedBytes = 0
  #chunkSize = 0
  #taskId: string | undefined
  #isResumed = false
  #toldAt = Number.NEGATIVE_INFINITY
  #toBeTold: ReturnType<typeof setTimeout> | undefined

  constructor(onProgress: UploadOptions['onProgress'], beside: () => Pick<UploadState, 'isPaused' | 'parallel'>) {
    this.#onProgress = onProgress
    this.#beside = beside
  }

  state(): UploadState {
    const percent = this.#totalBytes === 0 ? 100 : (100 * this.#loadedBytes) / this.#totalBytes
    return {
      phase: this.#phase,
      taskId: this.#taskId,
      fileName: this.#fileName,
      totalBytes: this.#totalBytes,
      loadedBytes: this.#loadedBytes,
      percent: this.#phase === 'done' ? 100 : percent,
      ...this.#speed.outlook(this.#totalBytes - this.#loadedBytes),
      isResumed: this.#isResumed,
      ...this.#beside(),
    }
  }

  begin(source: Pick<Source, 'name' | 'sizeBytes'>, fileName: string | undefined): void {
    this.#fileName = fileName ?? source.name ?? 'unnamed'
    this.#totalBytes = source.sizeBytes
    this.tell()
  }

  hashed(hashedBytes: number): void {
    this.#speed.add(hashedBytes - this.#loadedBytes)
    this.#loadedBytes = hashedBytes
    this.#tellSometimes()
  }

  uploading({ taskId, chunkSize, missing, isResumed }: MeteredPlan): void {
    this.#phase = 'uploading'
    this.#taskId = taskId
    this.#chunkSize = chunkSize
    this.#isResumed = isResumed
    this.#loadedBytes = this.#totalBytes - this.#bytesOf(missing)
    this.restart()
  }

  arrived(_index: number, sizeBytes: number): void {
    this.#speed.add(sizeBytes)
    this.#loadedBytes += sizeBytes
    if (this.#loadedBytes >= this.#totalBytes) this.tell()
    else this.#tellSometimes()
  }

  /** These chunks do not count after all. */
  again(indexes: readonly number[]): void {
    if (indexes.length === 0) return
    this.#phase = 'uploading'
    this.#loadedBytes = this.#totalBytes - this.#bytesOf(indexes)
    this.tell()
  }

  finishing(): void {
    if (this.#phase === 'finishing') return
    this.#phase = 'finishing'
    this.tell()
  }

  done(): void {
    this.#phase = 'done'
    this.#loadedBytes = this.#totalBytes
    this.tell()
  }

  restart(): void {
    this.#speed.restart()
    this.tell()
  }

  tell(): void {
    this.stop()
    this.#toldAt = performance.now()
    this.#onProgress?.(this.state())
  }

  /** Nothing more is told of by itself. */
  stop(): void {
    clearTimeout(this.#toBeTold)
    this.#toBeTold = undefined
  }

  /** What comes too soon after the last is told when its time has come: there may be nothing after it for long. */
  #tellSometimes(): void {
    const dueInMs = betweenMs - (performance.now() - this.#toldAt)
    if (dueInMs <= 0) this.tell()
    else this.#toBeTold ??= setTimeout(() => this.tell(), dueInMs)
  }

  #bytesOf(indexes: readonly number[]): number {
    const sizeOf = (index: number): number => Math.min(this.#chunkSize, this.#totalBytes - index * this.#chunkSize)
    return indexes.reduce((sum, index) => sum + sizeOf(index), 0)
  }
}
