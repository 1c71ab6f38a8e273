/** The beginning of a stream, read by the byte; what follows is a stream again. Pieces are copied while they are held. */
export class Front {
  readonly #iterator: AsyncIterator<Buffer>
  #held: Buffer = Buffer.alloc(0)

  constructor(source: AsyncIterable<Buffer>) {
    this.#iterator = source[Symbol.asyncIterator]()
  }

  /** The next bytes without taking them; fewer than asked for only where the stream ends. */
  async peek(countBytes: number): Promise<Buffer> {
    const pieces = [this.#held]
    let heldBytes = this.#held.length
    while (heldBytes < countBytes) {
      const next = await this.#iterator.next()
      if (next.done) break
      pieces.push(Buffer.from(next.value))
      heldBytes += next.value.length
    }
    if (pieces.length > 1) this.#held = Buffer.concat(pieces)
    return this.#held.subarray(0, countBytes)
  }

  /** The next bytes; fewer than asked for only where the stream ends. */
  async take(countBytes: number): Promise<Buffer> {
    const taken = await this.peek(countBytes)
    this.#held = this.#held.subarray(taken.length)
    return taken
  }

  /** As many of the next bytes as are there at once, but no more than asked for; none only where the stream ends. */
  async takeSome(mostBytes: number): Promise<Buffer> {
    if (this.#held.length === 0) {
      const next = await this.#iterator.next()
      if (next.done) return this.#held
      if (next.value.length <= mostBytes) return next.value
      this.#held = Buffer.from(next.value)
    }
    const taken = this.#held.subarray(0, mostBytes)
    this.#held = this.#held.subarray(taken.length)
    return taken
  }

  /** Everything that was not taken. Closes the stream when its reader stops. */
  async *rest(): AsyncGenerator<Buffer> {
    try {
      if (this.#held.length > 0) yield this.#held
      this.#held = Buffer.alloc(0)
      for (let next = await this.#iterator.next(); !next.done; next = await this.#iterator.next()) yield next.value
    } finally {
      await this.close()
    }
  }

  async close(): Promise<void> {
    await this.#iterator.return?.()
  }
}

/** What comes after the first bytes of a stream. */
export async function* skipBytes(source: AsyncIterable<Buffer>, countBytes: number): AsyncGenerator<Buffer> {
  let restBytes = countBytes
  for await (const piece of source) {
    const skippedBytes = Math.min(restBytes, piece.length)
    restBytes -= skippedBytes
    if (skippedBytes < piece.length) yield piece.subarray(skippedBytes)
  }
}
