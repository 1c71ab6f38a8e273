import { join } from 'node:path'
import type { ObjectName, SinkKey } from './contract.ts'
import { checkedObjectKey, matching, objectKeyOf } from './object-key.ts'

/**
 * Where a local pool keeps what, by name. An upload's bytes are one file that only ever changes its name:
 * sink → claim → object. Each claim has names of its own, so whoever renames the file has taken it from all others.
 */
export type LocalLayout = {
  objects: string
  uploads: string
  sink: (key: SinkKey) => string
  /** The names a claim gives the file: `held` while it reads it, `reopened` when it gives it back to the writers. */
  claim: (name: ObjectName) => { held: string; reopened: string; reopenedKey: SinkKey }
  /** Exists when a flush of the upload's file failed, so that what the page cache shows may not be on the disk. */
  unflushedMark: (key: SinkKey) => string
  /** Where a job's output is written before it is published. */
  outputs: string
  output: (name: ObjectName) => string
  objectKey: (name: ObjectName) => string
  object: (key: string) => string
}

/** Suffix of a file that is being copied. It is worth nothing until it is renamed. */
export const copySuffix = '.copy'

const idLength = 36
const sinkPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(\.r[1-9][0-9]*)?$/

/** The id of the upload that a sink is of. Throws on a key that no local pool can have made. */
export function sinkId(key: SinkKey): string {
  return matching(sinkPattern, key, 'sink key').slice(0, idLength)
}

/** The layout of a pool. Its functions throw on every name or key that the pool cannot have made, before any path is built. */
export function localLayout(root: string, uploads: string): LocalLayout {
  const outputs = join(root, '.outputs')
  const sink = (key: SinkKey) => join(uploads, matching(sinkPattern, key, 'sink key'))
  return {
    objects: join(root, 'objects'),
    uploads,
    sink,
    claim: (name) => {
      const { id, epoch } = checked(name)
      const reopenedKey = `${id}.r${epoch}`
      return { held: join(uploads, `${id}.e${epoch}`), reopened: sink(reopenedKey), reopenedKey }
    },
    unflushedMark: (key) => `${sink(sinkId(key))}.unflushed`,
    outputs,
    output: (name) => {
      const { id, epoch } = checked(name)
      return join(outputs, `${id}.e${epoch}`)
    },
    objectKey: (name) => objectKeyOf(checked(name)),
    object: (key) => join(root, checkedObjectKey(key)),
  }
}

function checked(name: ObjectName): ObjectName {
  objectKeyOf(name)
  if (name.epoch < 1) throw new Error(`Not an epoch: ${name.epoch}`)
  return name
}
