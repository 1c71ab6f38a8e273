import { randomUUID } from 'node:crypto'
import { pathFor, uniquePaths } from '../archive/paths.ts'
import { openArchive, type PackedFile, type UnpackTools } from '../archive/unpack.ts'
import type { TarFile } from '../archive/tar-read.ts'
import type { Query } from '../db/connect.ts'
import type { FileRow } from '../db/files.ts'
import type { JobContext } from '../tasks/define-job.ts'
import { contentTypeOf } from './content-type.ts'
import { type MadeResults, madeWhole, makeOutput, resultsOf } from './make-each.ts'
import { keepFinished } from './keep-finished.ts'
import { type OutputDeps, type OutputRun, TaskOutputs } from './outputs.ts'
import { counted, readSource, requireUnchanged } from './sources.ts'

export type DecompressDeps = OutputDeps & { archiveTools: UnpackTools }
export type Decompression = { archive: FileRow; poolId: string; bundleId: string | null }
export type Unpacked = { results: MadeResults; commit: (query: Query) => Promise<void> }

type Context = OutputRun & Pick<JobContext, 'progress'>

/** Small entries take hardly anything but time; of large ones two are unpacked at once. */
const smallBytes = 1024 * 1024
const room = { most: 8, small: 1, large: 4 }

/**
 * Unpacks an archive into one output for each file in it. Nobody sees any of them before they are committed, all together.
 * An interrupted run goes on with the first file that was not finished; of what has no directory, it reads everything again
 * but writes only what is missing.
 */
export async function decompressFile(
  deps: DecompressDeps,
  { archive, poolId, bundleId }: Decompression,
  context: Context,
): Promise<Unpacked> {
  const outputs = await TaskOutputs.open(deps, context)
  const unpack = new Unpack(outputs, archive, poolId, context.signal)
  await keepFinished(outputs, () => unpack.run(deps, context))
  const made = uniquePaths(unpack.paths).map((name, index) => ({
    slot: unpack.slotOf(index),
    fileId: randomUUID(),
    name,
    contentType: contentTypeOf(name),
    bundleId,
    expiredAt: archive.expiredAt,
  }))
  const commit = async (query: Query): Promise<void> => {
    await requireUnchanged(query, [archive])
    await outputs.commit(query, made)
  }
  return { results: resultsOf(made), commit }
}

class Unpack {
  readonly paths: string[] = []
  readonly #outputs: TaskOutputs
  readonly #archive: FileRow
  readonly #poolId: string
  readonly #stop = new AbortController()
  /** Fires also when one of the entries failed, so that the others do not go on for nothing. */
  readonly #signal: AbortSignal

  constructor(outputs: TaskOutputs, archive: FileRow, poolId: string, signal: AbortSignal) {
    this.#outputs = outputs
    this.#archive = archive
    this.#poolId = poolId
    this.#signal = AbortSignal.any([signal, this.#stop.signal])
  }

  /** Of another archive's bytes nothing is taken up. */
  slotOf(index: number): string {
    return `${this.#archive.sha256.toString('hex', 0, 8)} ${index}`
  }

  async run(deps: DecompressDeps, { progress }: Pick<JobContext, 'progress'>): Promise<void> {
    const { name, sizeBytes } = this.#archive
    let readBytes = 0
    const onRead = (countBytes: number): void => {
      readBytes += countBytes
      progress((100 * readBytes) / sizeBytes)
    }
    const source = {
      sizeBytes,
      read: (range: { startBytes: number; lengthBytes: number }) =>
        counted(readSource(deps, this.#archive, range, this.#signal), onRead),
    }
    const opened = await openArchive(pathFor(name), source, deps.archiveTools)
    await (opened.kind === 'any order' ? this.#unpackAll(opened.files) : this.#unpackInTurn(opened.files))
  }

  /** Several at once, as many as there is room for. The first failure ends them all, and is thrown once they have ended. */
  async #unpackAll(files: readonly PackedFile[]): Promise<void> {
    this.paths.push(...files.map((file) => file.path))
    const running = new Set<Promise<void>>()
    let taken = 0
    for (const [index, file] of files.entries()) {
      if (this.#outputs.finished(this.slotOf(index))) continue
      const weight = file.sizeBytes <= smallBytes ? room.small : room.large
      while (taken + weight > room.most && running.size > 0) await Promise.race(running)
      if (this.#signal.aborted) break
      taken += weight
      const one = this.#write(index, file.bytes())
        .catch((error: unknown) => this.#stop.abort(error))
        .finally(() => {
          taken -= weight
          running.delete(one)
        })
      running.add(one)
    }
    await Promise.all(running)
    this.#signal.throwIfAborted()
  }

  async #unpackInTurn(files: AsyncGenerator<TarFile>): Promise<void> {
    for await (const { path, bytes } of files) {
      const index = this.paths.push(path) - 1
      if (!this.#outputs.finished(this.slotOf(index))) await this.#write(index, bytes)
      this.#signal.throwIfAborted()
    }
  }

  async #write(index: number, bytes: AsyncIterable<Buffer>): Promise<void> {
    const contentType = contentTypeOf(this.paths[index] ?? '')
    const plan = { slot: this.slotOf(index), poolId: this.#poolId, contentType }
    await makeOutput(
      this.#outputs,
      plan,
      madeWhole(() => bytes),
      { signal: this.#signal },
    )
  }
}
