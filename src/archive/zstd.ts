import type { Duplex } from 'node:stream'
import { Readable } from 'node:stream'
import zlib from 'node:zlib'
import { AppError } from '../errors.ts'
import { findZstdCommand } from './zstd-command.ts'
import type { Zstd } from './zstd-contract.ts'

/** Node's own zstd where it has one (22.15 and later), else the `zstd` command, else undefined. */
export async function findZstd(): Promise<Zstd | undefined> {
  const node: object = zlib
  return hasZstd(node) ? zstdOfNode(node) : findZstdCommand()
}

type NodeZstd = {
  zstdCompress: (
    bytes: Buffer,
    options: { params: Record<number, number> },
    done: (error: Error | null, frame: Buffer) => void,
  ) => void
  createZstdDecompress: (options: { params: Record<number, number>; chunkSize: number }) => Duplex
}

/** The numbers of zstd.h, which Node's types of today do not know. */
const parameter = { compressionLevel: 100, checksumFlag: 201, windowLogMax: 100 }
const mostWindowLog = 26

function hasZstd(node: object): node is NodeZstd {
  return 'zstdCompress' in node && typeof node.zstdCompress === 'function' && 'createZstdDecompress' in node
}

function zstdOfNode({ zstdCompress, createZstdDecompress }: NodeZstd): Zstd {
  return {
    compress: (bytes, level) =>
      new Promise((resolve, reject) => {
        const params = { [parameter.compressionLevel]: level, [parameter.checksumFlag]: 1 }
        zstdCompress(bytes, { params }, (error, frame) => (error ? reject(error) : resolve(frame)))
      }),
    decompressFrame: async function* (source) {
      const params = { [parameter.windowLogMax]: mostWindowLog }
      const stream = createZstdDecompress({ params, chunkSize: 256 * 1024 })
      const input = Readable.from(source)
      input.on('error', (error) => stream.destroy(error)).pipe(stream)
      try {
        for await (const piece of stream) if (Buffer.isBuffer(piece)) yield piece
      } catch (error) {
        if (!(error instanceof Error) || !('code' in error) || !String(error.code).startsWith('ZSTD_')) throw error
        throw new AppError('ARCHIVE_DAMAGED', 'The zstd frames are damaged.', { cause: error })
      } finally {
        input.destroy()
        stream.destroy()
      }
    },
  }
}
