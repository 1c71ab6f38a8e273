import type { ObjectName, SinkKey } from './contract.ts'
import { checkedObjectKey, idOfKey, keyStem, objectKeyOf } from './object-key.ts'

/** An upload's multipart upload, or where its object will be when it is empty: `uploadId` is '' then. */
export type S3Sink = ObjectName & { sizeBytes: number; chunkSizeBytes: number; uploadId: string }

/** What an S3 pool calls things. Ledger keys are without the prefix. */
export type S3Layout = {
  prefix: string
  /** The full key of an object by its key in the ledger. */
  object: (key: string) => string
  /** The full key of what a claim makes. Epoch 0 is the upload's creation. */
  of: (name: ObjectName) => string
  /** What the full keys of everything begin with that was made for an id. */
  stem: (id: string) => string
  /** The id that a full key was made for. */
  idOf: (fullKey: string) => string | undefined
}

export function s3Layout(prefix: string): S3Layout {
  return {
    prefix,
    object: (key) => prefix + checkedObjectKey(key),
    of: (name) => prefix + objectKeyOf(name),
    stem: (id) => prefix + keyStem(id),
    idOf: (fullKey) => (fullKey.startsWith(prefix) ? idOfKey(fullKey.slice(prefix.length)) : undefined),
  }
}

const sinkPattern = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}):(\d+):(\d+):(\d+):(.*)$/

/** A sink's key says all there is to know of it: whose it is, its plan, and the store's name of the multipart upload. */
export function sinkKeyOf({ id, epoch, sizeBytes, chunkSizeBytes, uploadId }: S3Sink): SinkKey {
  return [id, epoch, sizeBytes, chunkSizeBytes, uploadId].join(':')
}

/** Throws on a key that no S3 pool can have made. */
export function parseSinkKey(sink: SinkKey): S3Sink {
  const [, id = '', epoch, sizeBytes, chunkSizeBytes, uploadId = ''] = sinkPattern.exec(sink) ?? []
  if (id === '') throw new Error(`Not the sink key of anything in this pool: ${JSON.stringify(sink)}`)
  return { id, epoch: Number(epoch), sizeBytes: Number(sizeBytes), chunkSizeBytes: Number(chunkSizeBytes), uploadId }
}
