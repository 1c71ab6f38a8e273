import type { ObjectName } from './contract.ts'

const idPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const objectKeyPattern = /^objects\/\w{2}\/\w{2}\/[\w-]+$/

/** The key under which a claim's object lies in its pool. Throws on a name that nothing here can have. */
export function objectKeyOf({ id, epoch }: ObjectName): string {
  if (!Number.isSafeInteger(epoch) || epoch < 0) throw new Error(`Not an epoch: ${epoch}`)
  return `${keyStem(id)}${epoch}`
}

/** What the keys of everything begin with that was made for an id. */
export function keyStem(id: string): string {
  matching(idPattern, id, 'id')
  // The last digits, because the first ones of a time-ordered id are the same for weeks.
  return `objects/${id.slice(-4, -2)}/${id.slice(-2)}/${id}-`
}

const madeKeyPattern = /^objects\/\w{2}\/\w{2}\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})-\d+$/

/** The id of the upload or output that a key was made for; undefined for what a pool has from somebody else. */
export function idOfKey(key: string): string | undefined {
  return madeKeyPattern.exec(key)?.[1]
}

/** Answers the key. Throws on one that no pool can have made, before any path or address is built of it. */
export function checkedObjectKey(key: string): string {
  return matching(objectKeyPattern, key, 'object key')
}

export function matching(pattern: RegExp, name: string, what: string): string {
  if (!pattern.test(name)) throw new Error(`Not the ${what} of anything in this pool: ${JSON.stringify(name)}`)
  return name
}
