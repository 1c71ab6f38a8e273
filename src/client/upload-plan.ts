import type { DirectPage } from '../contract/direct.ts'
import type { FileView } from '../contract/file.ts'
import type { CreateUploadResponse, ProveUploadResponse, UploadChallenge, UploadView } from '../contract/upload.ts'
import type { Api } from './api.ts'
import { LongshoreError } from './errors.ts'
import type { Platform, Source } from './platform.ts'
import type { ResumeNote, ResumeNotes } from './resume.ts'
import type { UploadMeter } from './upload-meter.ts'
import type { UploadOptions } from './upload-options.ts'

/** An upload that is there and wants these chunks. */
export type FoundUpload = {
  taskId: string
  chunkSize: number
  chunksCount: number
  missing: number[]
  /** URLs at the store, when chunks may go there. */
  direct: DirectPage | undefined
  isResumed: boolean
  noteKey: string
}

type Deps = { api: Api; platform: Platform; notes: ResumeNotes; signal: AbortSignal }

/**
 * Finds the upload that was begun with these bytes before, or creates one; answers the file when it is there already. A source
 * that is noted with the same fingerprint is not read again: the server checks the SHA-256 in the end in any case.
 */
export async function findOrCreate(
  deps: Deps,
  source: Source,
  options: UploadOptions,
  meter: UploadMeter,
): Promise<{ file: FileView } | FoundUpload> {
  const { notes, signal } = deps
  const early = keyOf(deps.api, options, source, options.resumeKey ?? source.fingerprint)
  const note = early === undefined ? undefined : await notes.find(early)
  const isSame = note?.fingerprint !== undefined && note.fingerprint === source.fingerprint
  const hash = isSame ? note.hash : await source.hash({ onHashed: (bytes) => meter.hashed(bytes), signal })
  const key = early ?? keyOf(deps.api, options, source, hash) ?? hash
  if (options.taskId !== undefined) return resumeNamed(deps, { source, hash, key, taskId: options.taskId }, options)
  const known = note ?? (await notes.find(key))
  if (known !== undefined && known.hash === hash && known.sizeBytes === source.sizeBytes) {
    const found = await resumeUpload(deps, known, key, options)
    if (found !== undefined) return found
  }
  return create(deps, { source, options, hash, key })
}

function keyOf(api: Api, options: UploadOptions, source: Source, name: string | undefined): string | undefined {
  if (name === undefined) return undefined
  const { fileName = source.name, poolId, bundleId, encryptPassword } = options
  const how = encryptPassword === undefined ? 'plain' : 'encrypted'
  return JSON.stringify([api.url, name, fileName ?? null, poolId ?? null, bundleId ?? null, how])
}

/** Goes on with the upload that the caller named. */
async function resumeNamed(
  deps: Deps,
  { source, hash, key, taskId }: { source: Source; hash: string; key: string; taskId: string },
  options: UploadOptions,
): Promise<{ file: FileView } | FoundUpload> {
  const { api, notes, signal } = deps
  const upload = await api.json<UploadView>({ path: `/files/upload/resume/${encodeURIComponent(taskId)}`, signal })
  if (upload.hash !== hash || upload.fileSize !== source.sizeBytes) {
    throw new LongshoreError(
      'SOURCE_CHANGED',
      `These are not the bytes that the upload of ${upload.fileName} was begun with.`,
    )
  }
  const note = { taskId, hash, sizeBytes: source.sizeBytes, fingerprint: source.fingerprint }
  const found = await resumeUpload(deps, note, key, options)
  if (found === undefined) throw new LongshoreError('UPLOAD_ENDED', `The upload of ${upload.fileName} has ended.`)
  await notes.keep(key, note)
  return found
}

async function resumeUpload(
  { api, signal, notes }: Deps,
  { taskId }: ResumeNote,
  noteKey: string,
  { direct = true }: UploadOptions,
): Promise<{ file: FileView } | FoundUpload | undefined> {
  const upload = await orGone(api.json<UploadView>({ path: `/files/upload/resume/${taskId}`, signal }))
  if (upload?.status === 'Completed') {
    const path = `/files/upload/complete/${taskId}`
    const file = await orGone(api.json<FileView>({ method: 'POST', path, isRepeatable: true, signal }))
    await notes.forget(noteKey)
    return file === undefined || file.deletedAt !== null ? undefined : { file }
  }
  if (upload === undefined || (upload.status !== 'InProgress' && upload.status !== 'Paused')) {
    await notes.forget(noteKey)
    return undefined
  }
  if (upload.status === 'Paused') await goOn(api, taskId, signal)
  const there = new Set(upload.uploadedChunks)
  const { chunkSize, chunksCount } = upload
  const missing = Array.from({ length: chunksCount }, (_, index) => index).filter((index) => !there.has(index))
  const page = direct && missing.length > 0 ? await directPage(api, taskId, signal) : undefined
  return { taskId, chunkSize, chunksCount, missing, direct: page, isResumed: true, noteKey }
}

/** Whose token is for sending alone waits until somebody else resumes it. */
async function goOn(api: Api, taskId: string, signal: AbortSignal): Promise<void> {
  try {
    await api.nothing({ method: 'POST', path: `/tasks/${taskId}/resume`, signal })
  } catch (error) {
    if (!(error instanceof LongshoreError) || !['TASK_STATE', 'FORBIDDEN'].includes(error.code)) throw error
  }
}

/** URLs at the store for what is missing; undefined where the pool takes chunks through the API only. */
async function directPage(api: Api, taskId: string, signal: AbortSignal): Promise<DirectPage | undefined> {
  const path = `/files/upload/direct/${taskId}/urls`
  try {
    return await api.json<DirectPage>({ method: 'POST', path, json: {}, isRepeatable: true, signal })
  } catch (error) {
    if (error instanceof LongshoreError && error.code === 'DIRECT_UNAVAILABLE') return undefined
    throw error
  }
}

async function create(
  { api, platform, notes, signal }: Deps,
  { source, options, hash, key }: { source: Source; options: UploadOptions; hash: string; key: string },
): Promise<{ file: FileView } | FoundUpload> {
  const { poolId, bundleId, encryptPassword, expiredAt, chunkSize, direct = true } = options
  const answer = await api.create<CreateUploadResponse>(
    '/files/upload/create',
    {
      fileName: options.fileName ?? source.name ?? 'unnamed',
      fileSize: source.sizeBytes,
      contentType: options.contentType ?? source.contentType ?? 'application/octet-stream',
      hash,
      direct,
      poolId,
      bundleId,
      encryptPassword,
      expiredAt,
      chunkSize,
    },
    { signal },
  )
  if (answer.fileExists) return { file: answer.file }
  const { taskId, chunksCount, challenge } = answer
  if (challenge !== undefined) {
    const file = await prove({ api, platform, signal }, { taskId, challenge, source })
    if (file !== undefined) return { file }
  }
  await notes.keep(key, { taskId, hash, sizeBytes: source.sizeBytes, fingerprint: source.fingerprint })
  const missing = Array.from({ length: chunksCount }, (_, index) => index)
  const page = answer.direct ?? undefined
  return { taskId, chunkSize: answer.chunkSize, chunksCount, missing, direct: page, isResumed: false, noteKey: key }
}

/**
 * Shows that these bytes are here, to a pool that has them from another account perhaps and then need not be sent them. Answers the file,
 * or undefined when they have to be sent. What goes wrong costs no more than that.
 */
async function prove(
  { api, platform, signal }: Pick<Deps, 'api' | 'platform' | 'signal'>,
  { taskId, challenge, source }: { taskId: string; challenge: UploadChallenge; source: Source },
): Promise<FileView | undefined> {
  const hasher = await platform.openHasher()
  hasher.update(bytesOfHex(challenge.nonce))
  for (const { offset, length } of challenge.ranges) {
    const bytes = await source.read(offset, offset + length)
    hasher.update(bytes instanceof Blob ? new Uint8Array(await bytes.arrayBuffer()) : bytes)
  }
  try {
    const json = { proof: hasher.digest() }
    const path = `/files/upload/prove/${taskId}`
    const answer = await api.json<ProveUploadResponse>({ method: 'POST', path, json, signal })
    return answer.fileExists ? answer.file : undefined
  } catch (error) {
    if (!(error instanceof LongshoreError)) throw error
    return undefined
  }
}

function bytesOfHex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
}

async function orGone<Answer>(asked: Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await asked
  } catch (error) {
    if (error instanceof LongshoreError && (error.status === 404 || error.status === 410)) return undefined
    throw error
  }
}
