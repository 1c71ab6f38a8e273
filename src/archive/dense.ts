const denseTypes = new Set([
  ...['jpeg', 'png', 'gif', 'webp', 'avif', 'heic', 'heif', 'jxl', 'jp2'].map((name) => `image/${name}`),
  // Not video/mp2t: by its name (.ts) that is more often a program.
  ...['mp4', 'quicktime', 'webm', 'x-matroska', 'mpeg', 'x-ms-wmv', '3gpp', 'ogg'].map((name) => `video/${name}`),
  ...['mpeg', 'mp4', 'aac', 'ogg', 'opus', 'webm', 'flac', 'x-flac'].map((name) => `audio/${name}`),
  ...['woff', 'woff2'].map((name) => `font/${name}`),
  ...['zip', 'gzip', 'x-gzip', 'x-7z-compressed', 'vnd.rar', 'x-rar-compressed', 'x-bzip', 'x-bzip2'].map(application),
  ...['x-xz', 'zstd', 'epub+zip', 'java-archive', 'vnd.android.package-archive'].map(application),
])
const zippedDocuments = /^application\/vnd\.(openxmlformats-officedocument|oasis\.opendocument)\./

function application(name: string): string {
  return `application/${name}`
}

/** Whether files of a media type are compressed already, so that to try it again is a waste. */
export function isDenseType(contentType: string): boolean {
  const type = contentType.replace(/;.*/s, '').trim().toLowerCase()
  return denseTypes.has(type) || zippedDocuments.test(type)
}
