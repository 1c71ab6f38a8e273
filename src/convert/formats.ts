export type Kind = 'image' | 'audio' | 'video' | 'document'

/** What a format is called, and what a file in it is. */
type FormatFacts = { kind: Kind; extension: string; contentType: string }

/** Every format that a file can be converted into, where the tools for it are installed. */
export const formats = {
  jpeg: { kind: 'image', extension: 'jpg', contentType: 'image/jpeg' },
  png: { kind: 'image', extension: 'png', contentType: 'image/png' },
  webp: { kind: 'image', extension: 'webp', contentType: 'image/webp' },
  avif: { kind: 'image', extension: 'avif', contentType: 'image/avif' },
  gif: { kind: 'image', extension: 'gif', contentType: 'image/gif' },
  tiff: { kind: 'image', extension: 'tiff', contentType: 'image/tiff' },
  mp3: { kind: 'audio', extension: 'mp3', contentType: 'audio/mpeg' },
  m4a: { kind: 'audio', extension: 'm4a', contentType: 'audio/mp4' },
  ogg: { kind: 'audio', extension: 'ogg', contentType: 'audio/ogg' },
  opus: { kind: 'audio', extension: 'opus', contentType: 'audio/ogg' },
  flac: { kind: 'audio', extension: 'flac', contentType: 'audio/flac' },
  wav: { kind: 'audio', extension: 'wav', contentType: 'audio/wav' },
  mp4: { kind: 'video', extension: 'mp4', contentType: 'video/mp4' },
  webm: { kind: 'video', extension: 'webm', contentType: 'video/webm' },
  pdf: { kind: 'document', extension: 'pdf', contentType: 'application/pdf' },
  docx: {
    kind: 'document',
    extension: 'docx',
    contentType: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  },
  odt: { kind: 'document', extension: 'odt', contentType: 'application/vnd.oasis.opendocument.text' },
  rtf: { kind: 'document', extension: 'rtf', contentType: 'application/rtf' },
  txt: { kind: 'document', extension: 'txt', contentType: 'text/plain' },
  xlsx: {
    kind: 'document',
    extension: 'xlsx',
    contentType: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  },
  ods: { kind: 'document', extension: 'ods', contentType: 'application/vnd.oasis.opendocument.spreadsheet' },
  csv: { kind: 'document', extension: 'csv', contentType: 'text/csv' },
  pptx: {
    kind: 'document',
    extension: 'pptx',
    contentType: 'application/vnd.openxmlformats-officedocument.presentationml.presentation',
  },
  odp: { kind: 'document', extension: 'odp', contentType: 'application/vnd.oasis.opendocument.presentation' },
} as const satisfies Record<string, FormatFacts>

export type Format = keyof typeof formats

export const formatNames = Object.keys(formats).filter((name): name is Format => name in formats)

/** How a conversion is to be done. Each is for some kinds of formats only: see `optionKinds`. */
export type ConversionOptions = {
  /** Pixels. With one of the two the other follows from the picture; it keeps its proportions unless `fit` says otherwise. */
  width?: number | undefined
  height?: number | undefined
  fit?: 'inside' | 'outside' | 'cover' | 'contain' | 'fill' | undefined
  /** 1 to 100. */
  quality?: number | undefined
  metadata: 'keep' | 'strip'
  /** What shows where a picture is transparent and its format cannot be: `#rrggbb`. */
  background?: string | undefined
  /** False makes one picture of an animated one. */
  animated?: boolean | undefined
  /** Frames per second. */
  frameRate?: number | undefined
  audioKbps?: number | undefined
  startSeconds?: number | undefined
  durationSeconds?: number | undefined
}

/** Which options go with which formats; those of other formats are refused. */
export const optionFormats: Record<keyof ConversionOptions, readonly Format[]> = {
  width: namesOf('image', 'video'),
  height: namesOf('image', 'video'),
  fit: namesOf('image'),
  quality: ['jpeg', 'webp', 'avif', 'mp4', 'webm'],
  metadata: namesOf('image', 'audio', 'video'),
  background: ['jpeg'],
  animated: ['gif', 'webp'],
  frameRate: namesOf('video'),
  audioKbps: ['mp3', 'm4a', 'ogg', 'opus', 'mp4', 'webm'],
  startSeconds: namesOf('audio', 'video'),
  durationSeconds: namesOf('audio', 'video'),
}

function namesOf(...kinds: readonly Kind[]): Format[] {
  return formatNames.filter((name) => kinds.includes(formats[name].kind))
}
