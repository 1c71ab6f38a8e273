import { parseHttpDate, wholeSeconds } from './http-date.ts'

/** What identifies the current representation: a strong entity tag with its quotes, and when it last changed. */
export type Validators = { etag: string; lastModifiedMs: number }

export type Preconditions = {
  ifMatch: string | undefined
  ifNoneMatch: string | undefined
  ifModifiedSince: string | undefined
  ifUnmodifiedSince: string | undefined
}

/**
 * Evaluates the preconditions of a GET or HEAD in the order of RFC 9110 §13.2.2. A tag list that cannot be read matches
 * nothing; a date that cannot be read is ignored.
 */
export function evaluatePreconditions(fields: Preconditions, current: Validators): 'proceed' | 'unmodified' | 'failed' {
  const { ifMatch, ifNoneMatch, ifModifiedSince, ifUnmodifiedSince } = fields
  if (ifMatch !== undefined) {
    if (!matches(ifMatch, current.etag, 'strong')) return 'failed'
  } else if (isModifiedSince(ifUnmodifiedSince, current) === true) return 'failed'

  if (ifNoneMatch !== undefined) return matches(ifNoneMatch, current.etag, 'weak') ? 'unmodified' : 'proceed'
  return isModifiedSince(ifModifiedSince, current) === false ? 'unmodified' : 'proceed'
}

/**
 * Whether a `Range` still fits what its sender has (RFC 9110 §13.1.5): no `If-Range`, the current tag by strong
 * comparison, or exactly the current date.
 */
export function ifRangeHolds(ifRange: string | undefined, current: Validators): boolean {
  if (ifRange === undefined || ifRange === current.etag) return true
  return parseHttpDate(ifRange) === wholeSeconds(current.lastModifiedMs)
}

/** Undefined when the field is absent or no date. */
function isModifiedSince(field: string | undefined, current: Validators): boolean | undefined {
  const dateMs = field === undefined ? undefined : parseHttpDate(field)
  return dateMs === undefined ? undefined : wholeSeconds(current.lastModifiedMs) > dateMs
}

function matches(field: string, etag: string, comparison: 'strong' | 'weak'): boolean {
  if (field === '*') return true
  const tags = parseTagList(field)
  return tags.some((tag) => tag === etag || (comparison === 'weak' && tag === `W/${etag}`))
}

/** A comma may be part of a tag, so the list is walked, not split. */
function parseTagList(field: string): string[] {
  const element = /[ \t]*((?:W\/)?"[\x21\x23-\x7e\x80-\xff]*")?[ \t]*(?:,|$)/y
  const tags: string[] = []
  while (element.lastIndex < field.length) {
    const found = element.exec(field)
    if (found === null) return []
    if (found[1] !== undefined) tags.push(found[1])
  }
  return tags
}
