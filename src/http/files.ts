import type { Request, Response } from 'express'
import type { Identity } from '../auth/verify.ts'
import {
  changeFileRequest,
  contentQuery,
  deleteFileQuery,
  fileView,
  listFilesQuery,
  removedCount,
} from '../contract/file.ts'
import type { Sql } from '../db/connect.ts'
import { listFiles } from '../db/file-lists.ts'
import type { FileRow } from '../db/files.ts'
import { changeFile, emptyTrash, removeFile, restoreFile, trashFile, type WantedFile } from '../files/change.ts'
import { fileNotFound, getFile, presentFile } from '../files/get.ts'
import type { Pools } from '../files/pools.ts'
import { redirected } from './content-redirect.ts'
import { sendContent } from './content.ts'
import type { Disposition } from './content-disposition.ts'
import { contentAnswers, contentRequest, empty, json, page } from './outcomes.ts'
import { type Route, route } from './route.ts'
import { pathUuid } from './validate.ts'

type Deps = { sql: Sql; pools: Pools }

/** `/files/…` */
export function fileRoutes(deps: Deps): Route[] {
  return [list(deps), show(deps), content(deps), empties(deps), change(deps), remove(deps), restore(deps)]
}

const list = ({ sql }: Deps) =>
  route(
    {
      method: 'GET',
      path: '/',
      id: 'listFiles',
      summary: "List the account's files, or those in its trash",
      query: listFilesQuery,
      answers: { 200: page('A page of them.', fileView) },
    },
    async ({ response, caller, query }) => {
      const { trashed, sortBy, sortDescending, offset, limit, minSize, maxSize, ...filter } = query
      const wanted = { state: trashed ? 'trash' : 'live', sortBy, sortDescending, offset, limit } as const
      const meant = { ...filter, minSizeBytes: minSize, maxSizeBytes: maxSize, accountId: caller.account }
      const { files, total } = await listFiles(sql, meant, wanted)
      response.set('X-Total', String(total)).json(files.map(presentFile))
    },
  )

const show = ({ sql }: Deps) =>
  route(
    {
      method: 'GET',
      path: '/:fileId',
      id: 'getFile',
      summary: 'Show a file',
      answers: { 200: json('The file.', fileView) },
      errors: ['FILE_NOT_FOUND'],
    },
    async ({ request, response, caller }) => {
      response.json(presentFile(await getFile(sql, wantedOf(request, caller))))
    },
  )

// Express answers HEAD by the GET route.
const content = ({ sql, pools }: Deps) =>
  route(
    {
      method: 'GET',
      path: '/:fileId/content',
      id: 'downloadFile',
      summary: "Download a file's bytes, or ranges of them",
      query: contentQuery,
      answers: contentAnswers,
      ...contentRequest,
    },
    async ({ request, response, caller, query }) => {
      const file = await getFile(sql, wantedOf(request, caller))
      await sendFile({ request, response, ...query }, pools, file)
    },
  )

const empties = ({ sql }: Deps) =>
  route(
    {
      method: 'DELETE',
      path: '/trash',
      id: 'emptyTrash',
      summary: 'Empty the trash, for good',
      answers: { 200: json('How many files were removed.', removedCount) },
    },
    async ({ response, caller }) => {
      response.json({ removed: await emptyTrash(sql, caller.account) })
    },
  )

const change = ({ sql }: Deps) =>
  route(
    {
      method: 'PATCH',
      path: '/:fileId',
      id: 'changeFile',
      summary: 'Rename, tag, re-bundle or expire a file',
      description: 'What is left out stays; null takes bundle or expiry away.',
      body: changeFileRequest,
      answers: { 200: json('The file as it is now.', fileView) },
      errors: ['FILE_NOT_FOUND', 'BUNDLE_NOT_FOUND'],
    },
    async ({ request, response, caller, body }) => {
      response.json(presentFile(await changeFile(sql, wantedOf(request, caller), body)))
    },
  )

const remove = ({ sql }: Deps) =>
  route(
    {
      method: 'DELETE',
      path: '/:fileId',
      id: 'deleteFile',
      summary: 'Put a file into the trash, or delete it for good',
      query: deleteFileQuery,
      answers: { 204: empty('It is done.') },
      errors: ['FILE_NOT_FOUND'],
    },
    async ({ request, response, caller, query }) => {
      await (query.permanent ? removeFile : trashFile)(sql, wantedOf(request, caller))
      response.status(204).end()
    },
  )

const restore = ({ sql }: Deps) =>
  route(
    {
      method: 'POST',
      path: '/:fileId/restore',
      id: 'restoreFile',
      summary: 'Take a file out of the trash',
      answers: { 200: json('The file.', fileView) },
      errors: ['FILE_NOT_FOUND'],
    },
    async ({ request, response, caller }) => {
      response.json(presentFile(await restoreFile(sql, wantedOf(request, caller))))
    },
  )

type Download = { request: Request; response: Response; disposition: Disposition }

/**
 * Answers with a file's bytes, or says where the pool gives them. What is to be shown is given by us alone, whose header fields
 * keep it from running.
 */
export async function sendFile(
  { request, response, disposition }: Download,
  pools: Pools,
  file: FileRow,
): Promise<void> {
  const storage = await pools.open(file.poolId)
  if (disposition === 'attachment' && (await redirected(request, response, storage, file))) return
  const { name, contentType, sizeBytes, sha256, createdAt } = file
  const read = (range: Parameters<typeof storage.read>[1]) => storage.read(file.objectKey, range)
  await sendContent(request, response, {
    name,
    contentType,
    disposition,
    sizeBytes,
    sha256,
    lastModified: createdAt,
    read,
  })
}

function wantedOf(request: Request, caller: Identity): WantedFile {
  const id = pathUuid(request, 'fileId')
  if (id === undefined) throw fileNotFound(String(request.params['fileId']))
  return { id, accountId: caller.account }
}
