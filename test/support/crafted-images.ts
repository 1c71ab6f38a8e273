import { crc32, deflateSync } from 'node:zlib'

/** The same JPEG, turned by a quarter (Orientation 6) and with the name of a camera. */
export function withExif(jpeg: Buffer): Buffer {
  const tiff = Buffer.concat([
    Buffer.from('4d4d002a00000008', 'hex'),
    Buffer.from('0002', 'hex'),
    // Make, ASCII, 7 bytes, at offset 38; Orientation, SHORT, 1, the value 6.
    Buffer.from('010f00020000000700000026', 'hex'),
    Buffer.from('011200030000000100060000', 'hex'),
    Buffer.from('00000000', 'hex'),
    Buffer.from('Camera\0'),
  ])
  const body = Buffer.concat([Buffer.from('Exif\0\0'), tiff])
  const length = Buffer.alloc(2)
  length.writeUInt16BE(body.length + 2)
  return Buffer.concat([jpeg.subarray(0, 2), Buffer.from('ffe1', 'hex'), length, body, jpeg.subarray(2)])
}

/** A PNG that claims a size and has hardly anything of it. */
export function pngHeader(width: number, height: number): Buffer {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, 2, 0, 0, 0], 8)
  const chunk = (type: string, data: Buffer): Buffer => {
    const body = Buffer.concat([Buffer.from(type), data])
    const frame = Buffer.alloc(8)
    frame.writeUInt32BE(data.length, 0)
    frame.writeUInt32BE(crc32(body), 4)
    return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)])
  }
  const signature = Buffer.from('89504e470d0a1a0a', 'hex')
  const data = chunk('IDAT', deflateSync(Buffer.alloc(1000)))
  return Buffer.concat([signature, chunk('IHDR', header), data, chunk('IEND', Buffer.alloc(0))])
}

/** A moving picture of so many frames, each of a single dot. */
export function gifOf(width: number, height: number, frames: number): Buffer {
  const head = Buffer.from('GIF89a\0\0\0\0\x80\0\0\0\0\0\xff\xff\xff', 'latin1')
  head.writeUInt16LE(width, 6)
  head.writeUInt16LE(height, 8)
  const frame = Buffer.from('2c00000000010001000002024401', 'hex')
  const end = Buffer.from('00', 'hex')
  return Buffer.concat([head, ...Array.from({ length: frames }, () => Buffer.concat([frame, end])), Buffer.from(';')])
}
