import { AppError } from '../errors.ts'

/** What an archive may unpack to. */
export type UnpackLimits = {
  mostEntries: number
  mostBytes: number
  /** How many times its own size, once it is more than what nobody minds. */
  mostRatio: number
}

/** Whatever its ratio: text and logs come to this easily, and it hurts nobody. */
const freeBytes = 64 * 1024 * 1024

/** Counts what comes out of an archive, and stops it where that is too much. */
export class UnpackMeter {
  readonly #limits: UnpackLimits
  readonly #archiveBytes: number
  #entries = 0
  #bytes = 0

  constructor(limits: UnpackLimits, archiveBytes: number) {
    this.#limits = limits
    this.#archiveBytes = archiveBytes
  }

  /** Throws ARCHIVE_TOO_MANY_ENTRIES. */
  addEntries(count: number): void {
    this.#entries += count
    const { mostEntries } = this.#limits
    if (this.#entries <= mostEntries) return
    throw new AppError('ARCHIVE_TOO_MANY_ENTRIES', `The archive has more than ${mostEntries} entries.`, {
      details: { mostEntries },
    })
  }

  /** Throws ARCHIVE_TOO_LARGE or ARCHIVE_RATIO. */
  addBytes(count: number): void {
    this.#bytes += count
    const { mostBytes, mostRatio } = this.#limits
    if (this.#bytes > mostBytes) {
      throw new AppError('ARCHIVE_TOO_LARGE', `The archive unpacks to more than ${mostBytes} bytes.`, {
        details: { mostBytes },
      })
    }
    if (this.#bytes > Math.max(freeBytes, mostRatio * this.#archiveBytes)) {
      throw new AppError('ARCHIVE_RATIO', `The archive unpacks to more than ${mostRatio} times its size.`, {
        details: { mostRatio },
      })
    }
  }
}
