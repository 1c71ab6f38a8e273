import { type Request, type Response, Router } from 'express'
import type { Identity } from '../auth/verify.ts'
import { changeFileRequest, deleteFileQuery, listFilesQuery } from '../contract/file.ts'
import type { Sql } from '../db/connect.ts'
import { listFiles } from '../db/file-lists.ts'
import type { FileRow } from '../db/files.ts'
import { changeFile, emptyTrash, removeFile, restoreFile, trashFile, type WantedFile } from '../files/change.ts'
import { fileNotFound, getFile, presentFile } from '../files/get.ts'
import type { Pools } from '../files/pools.ts'
import type { SignedIn } from './caller.ts'
import { redirected } from './content-redirect.ts'
import { sendContent } from './content.ts'
import { parseQuery, pathUuid, readBody } from './validate.ts'

/** `/files/…` */
export function fileRoutes(deps: { sql: Sql; pools: Pools }, signedIn: SignedIn): Router {
  const router = Router()
  reading(router, deps, signedIn)
  changing(router, deps, signedIn)
  return router
}

function reading(router: Router, { sql, pools }: { sql: Sql; pools: Pools }, signedIn: SignedIn): void {
  router.get(
    '/',
    signedIn(async (request, response, caller) => {
      const { trashed, sortBy, sortDescending, offset, limit, minSize, maxSize, ...filter } = parseQuery(
        listFilesQuery,
        request,
      )
      const page = { state: trashed ? 'trash' : 'live', sortBy, sortDescending, offset, limit } as const
      const meant = { ...filter, minSizeBytes: minSize, maxSizeBytes: maxSize, accountId: caller.account }
      const { files, total } = await listFiles(sql, meant, page)
      response.set('X-Total', String(total)).json(files.map(presentFile))
    }),
  )
  router.get(
    '/:fileId',
    signedIn(async (request, response, caller) => {
      response.json(presentFile(await getFile(sql, wantedOf(request, caller))))
    }),
  )
  // Express answers HEAD by the GET route.
  router.get(
    '/:fileId/content',
    signedIn(async (request, response, caller) => {
      await sendFile(request, response, pools, await getFile(sql, wantedOf(request, caller)))
    }),
  )
}

function changing(router: Router, { sql }: { sql: Sql }, signedIn: SignedIn): void {
  router.delete(
    '/trash',
    signedIn(async (_request, response, caller) => {
      response.json({ removed: await emptyTrash(sql, caller.account) })
    }),
  )
  router.patch(
    '/:fileId',
    signedIn(async (request, response, caller) => {
      const changes = await readBody(changeFileRequest, request, response)
      response.json(presentFile(await changeFile(sql, wantedOf(request, caller), changes)))
    }),
  )
  router.delete(
    '/:fileId',
    signedIn(async (request, response, caller) => {
      const { permanent } = parseQuery(deleteFileQuery, request)
      await (permanent ? removeFile : trashFile)(sql, wantedOf(request, caller))
      response.status(204).end()
    }),
  )
  router.post(
    '/:fileId/restore',
    signedIn(async (request, response, caller) => {
      response.json(presentFile(await restoreFile(sql, wantedOf(request, caller))))
    }),
  )
}

/** Answers with a file's bytes, or says where the pool gives them. */
export async function sendFile(request: Request, response: Response, pools: Pools, file: FileRow): Promise<void> {
  const storage = await pools.open(file.poolId)
  if (await redirected(request, response, storage, file)) return
  const { name, contentType, sizeBytes, sha256, createdAt } = file
  const read = (range: Parameters<typeof storage.read>[1]) => storage.read(file.objectKey, range)
  await sendContent(request, response, { name, contentType, sizeBytes, sha256, lastModified: createdAt, read })
}

function wantedOf(request: Request, caller: Identity): WantedFile {
  const id = pathUuid(request, 'fileId')
  if (id === undefined) throw fileNotFound(String(request.params['fileId']))
  return { id, accountId: caller.account }
}
