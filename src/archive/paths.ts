// Names inside archives: what may stand there, and what others would make of it.

/** A path has no more characters than the name of an upload. */
const mostPathCharacters = 1024

/** What some system or font takes for a slash, a backslash, a full stop or a colon. */
const lookAlikes: readonly (readonly [RegExp, string])[] = [
  [/[\u2044\u2215\u2571\u27cb\u29f8\uff0f]/gu, '/'],
  [/[\u2216\u27cd\u29f5\u29f9\ufe68\uff3c]/gu, '\\'],
  [/[\u2024\ufe52\uff0e]/gu, '.'],
  [/\u2025/gu, '..'],
  [/[\u02d0\u2236\ua789\ufe13\ufe55\uff1a]/gu, ':'],
]
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const controls = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/u
const drive = /^[a-z]:/i

/** Why a path must not be unpacked, in words that finish "its name …"; undefined when it may. */
export function whyUnsafe(path: string): string | undefined {
  if (path.length > mostPathCharacters) return `has more than ${mostPathCharacters} characters`
  if (!path.isWellFormed()) return 'is not well-formed Unicode'
  if (controls.test(path)) return 'has a control character'
  const plain = whyLeaves(path)
  if (plain !== undefined) return plain
  const looks = whyLeaves(resembled(path))
  return looks === undefined ? undefined : `looks like one that ${looks}`
}

/** The folders and the name of a path, which may be spelled with slashes or backslashes. */
export function segmentsOf(path: string): string[] {
  return path.split(/[/\\]/).filter((segment) => segment !== '' && segment !== '.')
}

function whyLeaves(path: string): string | undefined {
  if (/^[/\\]/.test(path)) return 'begins at the root'
  if (drive.test(path)) return 'begins with a drive'
  if (segmentsOf(path).some((segment) => /^\.\.[. ]*$/.test(segment))) return 'leads out of its folder'
  return undefined
}

function resembled(path: string): string {
  return lookAlikes.reduce((text, [pattern, plain]) => text.replace(pattern, plain), path)
}

/** The path under which a file of this name goes into an archive: the name itself, less what nobody should unpack. */
export function pathFor(name: string): string {
  const segments = segmentsOf(name.replace(new RegExp(controls, 'gu'), '_')).map((segment) => {
    return /^\.\.[. ]*$/.test(segment) ? '_' : segment
  })
  const path = segments.join('/').replace(drive, (letter) => `${letter.charAt(0)}_`) || '_'
  if (whyUnsafe(path) === undefined) return path
  return lookAlikes.reduce((text, [pattern]) => text.replace(pattern, '_'), path).slice(0, mostPathCharacters)
}

/**
 * The same paths, where no two are one and none is also the folder of another: "a.txt" that comes again becomes
 * "a (2).txt". Names that differ only in case or in how an accent is spelled count as the same, because they are on
 * Windows and macOS.
 */
export function uniquePaths(paths: readonly string[]): string[] {
  const given = new Set(paths.map(keyOf))
  const folders = new Set<string>()
  for (const path of paths) {
    for (let end = path.indexOf('/'); end >= 0; end = path.indexOf('/', end + 1)) folders.add(keyOf(path.slice(0, end)))
  }
  const used = new Set<string>()
  const lastNumber = new Map<string, number>()
  return paths.map((path) => {
    const key = keyOf(path)
    let unique = path
    let number = lastNumber.get(key) ?? 1
    for (let at = key; used.has(at) || folders.has(at) || (at !== key && given.has(at)); at = keyOf(unique)) {
      unique = numbered(path, ++number)
    }
    lastNumber.set(key, number)
    used.add(keyOf(unique))
    return unique
  })
}

function keyOf(path: string): string {
  return path.normalize('NFC').toLowerCase()
}

function numbered(path: string, number: number): string {
  const extension = /(?<=[^/])(\.tar)?\.[^./ ]{1,16}$/i.exec(path)?.[0] ?? ''
  return `${path.slice(0, path.length - extension.length)} (${number})${extension}`
}
