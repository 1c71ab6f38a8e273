export type Range = { startBytes: number; lengthBytes: number }

/** Something that goes into an archive. The same entries make the same archive. */
export type ArchiveEntry = {
  /** Folders and name with slashes between them, as `pathFor` and `uniquePaths` make them. */
  name: string
  sizeBytes: number
  modifiedAt: Date
  /** It is known to be compressed already. */
  isDense: boolean
  /** The bytes of a range, all of them. A piece is the reader's for good. */
  read: (range: Range) => AsyncIterable<Buffer>
}
