import { readdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { SinkKey, StoredObject } from './contract.ts'
import { onMedium, unlessAbsent } from './failure.ts'
import { type LocalLayout, sinkId } from './local-layout.ts'

const pageLength = 1000
/** So many files are looked at at once. */
const looksAtOnce = 32
const folderPattern = /^\w{2}$/

/** What lies among the pool's objects. Of its folders, one is held in memory at a time. */
export async function* listObjects({ objects }: LocalLayout): AsyncGenerator<StoredObject[]> {
  let page: StoredObject[] = []
  for await (const folder of objectFolders(objects)) {
    const names = (await entriesOf(join(objects, folder))).sort(byBytes)
    for (let at = 0; at < names.length; at += looksAtOnce) {
      const some = names.slice(at, at + looksAtOnce)
      const found = await Promise.all(
        some.map((name) => lookAt(join(objects, folder, name), `objects/${folder}/${name}`)),
      )
      page.push(...found.flatMap((one) => one ?? []))
      if (page.length < pageLength) continue
      yield page.slice(0, pageLength)
      page = page.slice(pageLength)
    }
  }
  if (page.length > 0) yield page
}

/** The size of an object; undefined when it is not there. */
export async function sizeOf(layout: LocalLayout, key: string): Promise<number | undefined> {
  return (await lookAt(layout.object(key), key))?.sizeBytes
}

/** Whether there is a file of an unfinished upload under any of the names that its claims give it. */
export async function hasSink(layout: LocalLayout, sink: SinkKey): Promise<boolean> {
  const id = sinkId(sink)
  const objects = dirname(layout.object(layout.objectKey({ id, epoch: 1 })))
  // Twice, because a claim may give it another name, to where the first round has looked already.
  for (let round = 0; round < 2; round++) {
    if ((await lookAt(layout.sink(sink), sink)) !== undefined) return true
    if ((await entriesOf(layout.uploads)).some((name) => name === id || name.startsWith(`${id}.`))) return true
    if ((await entriesOf(objects)).some((name) => name.startsWith(`${id}-`))) return true
  }
  return false
}

async function* objectFolders(objects: string): AsyncGenerator<string> {
  for (const outer of (await entriesOf(objects)).filter((name) => folderPattern.test(name)).sort(byBytes)) {
    const inner = await entriesOf(join(objects, outer))
    for (const name of inner.filter((one) => folderPattern.test(one)).sort(byBytes)) yield `${outer}/${name}`
  }
}

async function entriesOf(folder: string): Promise<string[]> {
  return (await onMedium(() => unlessAbsent(() => readdir(folder)))) ?? []
}

async function lookAt(path: string, key: string): Promise<StoredObject | undefined> {
  const file = await onMedium(() => unlessAbsent(() => stat(path)))
  return file?.isFile() ? { key, sizeBytes: file.size, modifiedAt: file.mtime } : undefined
}

function byBytes(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other))
}
