import { unknownType } from './content-type.ts'

/** What an age file is (age-encryption.org/v1), whatever is in it. */
export const ageType = 'application/vnd.age'

/** So much of a file's beginning says what it is; a zip says only in its first entries what it stands for. */
export const headBytes = 64 * 1024

const ageStart = /^(age-encryption\.org\/v1\n|\s*-----BEGIN AGE ENCRYPTED FILE-----)/

/** Words for the same type. */
const aliases = new Map([
  ['application/x-zip-compressed', 'application/zip'],
  ['application/x-gzip', 'application/gzip'],
  ['application/x-pdf', 'application/pdf'],
  ['audio/mp3', 'audio/mpeg'],
  ['audio/vnd.wave', 'audio/wav'],
  ['audio/x-aiff', 'audio/aiff'],
  ['audio/x-flac', 'audio/flac'],
  ['audio/x-m4a', 'audio/mp4'],
  ['audio/x-wav', 'audio/wav'],
  ['image/jpg', 'image/jpeg'],
  ['image/pjpeg', 'image/jpeg'],
  ['image/vnd.microsoft.icon', 'image/x-icon'],
  ['text/xml', 'application/xml'],
  ['video/x-matroska', 'video/matroska'],
])

/** Types that are another one by their bytes, with more to it than these show. */
const containers: [detected: string, claimed: RegExp][] = [
  [
    'application/zip',
    /^application\/(vnd\.(openxmlformats-|oasis\.opendocument|ms-|android\.)|epub\+zip|java-archive)|\+zip$/,
  ],
  ['application/x-cfb', /^application\/(msword|vnd\.ms-|vnd\.visio|x-ms)/],
  ['application/xml', /\+xml$|^text\/html$/],
]

/** Types whose bytes are text, which has no signature. */
const textual =
  /^text\/|[+/](json|xml|yaml|toml|sql|javascript|ecmascript|graphql|x-ndjson|x-sh|x-httpd-php|x-yaml)$|^image\/svg\+xml$/

/** A type without its parameters, and by its usual name. */
function essence(type: string): string {
  const bare = type.replace(/;.*$/s, '').trim().toLowerCase()
  return aliases.get(bare) ?? bare
}

function isAmong(accepted: readonly string[], type: string): boolean {
  return accepted.some((one) => (one.endsWith('/*') ? type.startsWith(one.slice(0, -1)) : essence(one) === type))
}

/** Whether a pool that accepts these types takes what is called so. What is called nothing its bytes have to speak for. */
export function isClaimAccepted(accepted: readonly string[], claimedType: string): boolean {
  const claimed = essence(claimedType)
  return claimed === unknownType || isAmong(accepted, claimed)
}

/** Whether a file begins as age files do. */
export function isAge(head: Buffer): boolean {
  return ageStart.test(head.toString('latin1', 0, 256))
}

/** What a file is by its first bytes, and undefined when these say nothing. */
async function detectType(head: Buffer): Promise<string | undefined> {
  if (isAge(head)) return ageType
  // How text in UTF-16 begins is taken for a kind of MPEG audio that nobody has.
  if (head[0] === 0xff && head[1] === 0xfe) return undefined
  // Loaded when a pool first asks for types.
  const { fileTypeFromBuffer } = await import('file-type')
  // Bytes that nobody can make anything of say nothing.
  const found = await fileTypeFromBuffer(head).catch(() => undefined)
  return found && essence(found.mime)
}

/**
 * Whether a pool that accepts these types takes these bytes under this name of a type. What has a signature is what that
 * says. What has none is believed when it is text and called so, or when its type is accepted by its full name and is known
 * to have no signature: `image/*` takes nothing whose bytes do not say that they are an image.
 */
export async function areBytesAccepted(
  accepted: readonly string[],
  claimedType: string,
  head: Buffer,
): Promise<{ isAccepted: boolean; detectedType: string | undefined }> {
  const claimed = essence(claimedType)
  const detectedType = await detectType(head)
  if (detectedType !== undefined) {
    const isContainer = containers.some(([detected, inside]) => detected === detectedType && inside.test(claimed))
    const isAccepted = isAmong(accepted, detectedType) || (isContainer && isAmong(accepted, claimed))
    return { isAccepted: isAccepted && !(isContainer && !saysSo(claimed, head)), detectedType }
  }
  const isAccepted = isAmong(accepted, claimed) && (await canBeSilent(accepted, claimed, head))
  return { isAccepted, detectedType }
}

async function canBeSilent(accepted: readonly string[], claimed: string, head: Buffer): Promise<boolean> {
  if (textual.test(claimed)) return isText(head) && saysSo(claimed, head)
  const { supportedMimeTypes } = await import('file-type')
  const hasSignature = [...supportedMimeTypes].some((type) => essence(type) === claimed)
  return !hasSignature && accepted.some((one) => essence(one) === claimed)
}

/** An image of text must have the element. */
function saysSo(claimed: string, head: Buffer): boolean {
  return claimed !== 'image/svg+xml' || /<svg[\s>/]/i.test(head.toString('latin1'))
}

/** No NUL, unless it begins as UTF-16 or UTF-32 does. */
function isText(head: Buffer): boolean {
  const begin = head.toString('latin1', 0, 4)
  return /^(\xff\xfe|\xfe\xff|\0\0\xfe\xff)/.test(begin) || !head.includes(0)
}
