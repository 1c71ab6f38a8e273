/** Zstandard (RFC 8878), wherever it comes from. */
export type Zstd = {
  /** One frame of these bytes. Levels from 1 to 19. */
  compress: (bytes: Buffer, level: number) => Promise<Buffer>
  /** What one frame holds. Throws ARCHIVE_DAMAGED. Whether the frame is whole is for others to see to. */
  decompressFrame: (source: AsyncIterable<Buffer>) => AsyncGenerator<Buffer>
}
