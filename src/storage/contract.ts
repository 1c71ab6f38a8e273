import type { Readable } from 'node:stream'

/** Where an unfinished upload collects its bytes. Opaque to everybody but the storage that made it. */
export type SinkKey = string

export type ChunkSlot = { index: number; offsetBytes: number; sizeBytes: number }

export type ChunkTarget = {
  /**
   * Called with every piece before it is written, in order. It may throw to refuse the rest (a body that is too long),
   * and what it threw is what `writeChunk` fails with.
   */
  onPiece: (piece: Buffer) => void
  /** Ends the writing; its reason is what `writeChunk` fails with. */
  signal: AbortSignal
}

export type ByteRange = { startBytes: number; lengthBytes: number }

/**
 * A pool's bytes. Every implementation passes the same contract suite.
 * Failures of the medium are AppErrors STORAGE_FULL or STORAGE_UNAVAILABLE with their cause; absence is `undefined` or
 * `false`, never an error, where a method says so.
 */
export type Storage = {
  /** The fewest bytes a chunk may have that is not an upload's last. */
  leastChunkBytes: number

  /** Prepares for an upload of `sizeBytes` bytes in `chunkSizeBytes` pieces, for a task that has none yet. */
  createSink: (plan: { taskId: string; sizeBytes: number; chunkSizeBytes: number }) => Promise<SinkKey>

  /**
   * Writes one chunk's body at its offset. Resolves once every byte is handed to the medium; after a failure nothing of
   * this call is written any more, so the slot may be given to somebody else.
   */
  writeChunk: (sink: SinkKey, slot: ChunkSlot, body: Readable, target: ChunkTarget) => Promise<void>

  /**
   * Takes the sink away from its writers: what the claim `object.epoch` reads is what it publishes, whatever late writers
   * and earlier claims still do. `fresh` says that there may be late writers. Takes up where an earlier epoch stopped, even
   * when that one had published already. Fails with UPLOAD_FAILED when the bytes are nowhere.
   */
  sealSink: (sink: SinkKey, object: ObjectName, options: { fresh: boolean; signal: AbortSignal }) => Promise<SealedSink>

  /** Removes what is left of an ended upload: the sink, and the objects of its claims up to `last.epoch` but `keepKey`. */
  removeSink: (sink: SinkKey, last: ObjectName, keepKey: string | undefined) => Promise<void>

  /**
   * Begins an object whose length nobody knows yet. Nothing of it can be read before it is published. Whatever its writer waits
   * for ends when `givenUp` fires: nobody wants it any more.
   */
  createObject: (name: ObjectName, givenUp?: AbortSignal) => Promise<ObjectWriter>

  /**
   * Begins an object with the bytes that another claim's writer had made durable under its own name, and gives them to
   * `onPiece` in order. Whatever that writer still does changes nothing here. Undefined when those bytes are not there.
   */
  continueObject: (
    name: ObjectName,
    checkpoint: ObjectCheckpoint,
    options: { onPiece: (piece: Buffer) => void; signal: AbortSignal; givenUp?: AbortSignal | undefined },
  ) => Promise<ObjectWriter | undefined>

  /**
   * Copies an object of this or another pool without its bytes passing through this process, and makes the copy durable.
   * Undefined when there is no such way between the two, or the source is not there.
   */
  copyObject: (name: ObjectName, source: ObjectSource, signal: AbortSignal) => Promise<{ key: string } | undefined>

  /** How `copyObject` of this or another pool finds an object. */
  source: (key: string, sizeBytes: number) => ObjectSource

  /** Removes what there is of an object that was begun and never committed, published or not. */
  discardObject: (name: ObjectName) => Promise<void>

  /** A stream over an object's bytes, or undefined when it is not there. */
  read: (key: string, range: ByteRange) => Promise<Readable | undefined>

  /** Removes an object. One that is not there is fine. */
  remove: (key: string) => Promise<void>

  /** What was begun in the pool and has neither become an object nor been removed, whoever knows of it. */
  listUnfinished: () => AsyncIterable<Unfinished>

  /**
   * What lies among the pool's objects, whoever knows of it, in pages of up to 1,000 in the order of their keys' bytes. What
   * comes and goes meanwhile may be among them or not.
   */
  listObjects: () => AsyncIterable<StoredObject[]>

  /** How many bytes an object has; undefined when it is not there. */
  sizeOf: (key: string) => Promise<number | undefined>

  /** Whether there is anything of an unfinished upload: its sink, whatever a claim calls it, or an object that a claim made of it. */
  hasSink: (sink: SinkKey) => Promise<boolean>

  /** What clients may do with the pool without us in between; undefined when nothing. */
  direct?: DirectAccess | undefined

  /** Throws when the pool cannot be reached or written. */
  probe: () => Promise<void>

  /** How many bytes there is room for; undefined where the medium does not say. */
  freeBytes: () => Promise<number | undefined>
}

/** What an interrupted process may have left; `id` is the task's or the output's that it was begun for. */
export type Unfinished = { id: string; beganAt: Date; discard: () => Promise<void> }

/** `key` may be one that no pool makes, when somebody else put it there. */
export type StoredObject = { key: string; sizeBytes: number; modifiedAt: Date }

/** A sink in the hands of one claim. */
export type SealedSink = {
  /** Chunks that the pool does not have (any more). While there are any, nothing can be read: `reopen` them. */
  missing: readonly number[]
  /** The bytes in order, in pieces of up to 1 MiB, each valid until the next one is asked for. */
  read: (range: ByteRange, signal: AbortSignal) => AsyncIterable<Buffer>
  /** Makes the bytes durable as an object. Nobody sees it until its row is committed. */
  publish: () => Promise<{ key: string }>
  /** Gives the sink back to its writers: the chunks at these indexes are to be written again, the others are kept. */
  reopen: (damaged: readonly number[]) => Promise<SinkKey>
}

/** An object that grows from front to back. One call at a time. */
export type ObjectWriter = {
  /** Appends. Resolves when more is welcome; the piece may be used for something else then. */
  write: (piece: Buffer) => Promise<void>
  /** Makes what was written durable, and answers where a later claim can go on. */
  checkpoint: () => Promise<ObjectCheckpoint>
  /** Makes the object durable. Nobody sees it until its row is committed. */
  publish: () => Promise<{ key: string }>
  /** Ends the writing without publishing; what the last checkpoint covers stays until it is discarded. */
  close: () => Promise<void>
}

/** The durable beginning of an unfinished object. Plain JSON; `state` is the storage's own. */
export type ObjectCheckpoint = { name: ObjectName; sizeBytes: number; state?: string | undefined }

/** Where an object lies, as far as another storage can make use of it. */
export type ObjectSource =
  | { kind: 'local'; rootPath: string; path: string; sizeBytes: number }
  | { kind: 's3'; store: string; bucket: string; key: string; sizeBytes: number }

/** What a claim makes: of an upload's task, or one output. Storage turns it into a key that no other object has. */
export type ObjectName = { id: string; epoch: number }

/**
 * A request that whoever has it may make until it expires, with exactly these header fields (names in lower case;
 * `content-length` says how long its body is). A secret: never to be logged.
 */
export type SignedRequest = { url: string; headers: Record<string, string>; expiresAt: Date }

/** A chunk as the pool has it. `md5` is known where the pool tells it of its own accord. */
export type StoredChunk = { etag: string; sizeBytes: number; md5: Buffer | undefined }

export type DirectUploads = {
  /** Signs the PUT of a chunk. With `md5` the pool takes no other bytes. */
  signChunk: (sink: SinkKey, slot: ChunkSlot, md5: Buffer | undefined) => Promise<SignedRequest>
  /** Those of the chunks that the pool has, by index. */
  findChunks: (sink: SinkKey, slots: readonly ChunkSlot[]) => Promise<Map<number, StoredChunk>>
}

export type DirectAccess = {
  uploads?: DirectUploads
  /** Signs the GET of an object, whole or a range of it, that is answered with these header fields. */
  signRead?: (key: string, answer: { disposition: string; contentType: string }) => Promise<SignedRequest>
}
