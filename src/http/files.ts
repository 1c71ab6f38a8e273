import { type Request, Router } from 'express'
import type { Identity } from '../auth/verify.ts'
import type { Sql } from '../db/connect.ts'
import type { FileRow } from '../db/files.ts'
import { AppError } from '../errors.ts'
import { getFile, presentFile } from '../files/get.ts'
import type { Pools } from '../files/pools.ts'
import type { SignedIn } from './caller.ts'
import { redirected } from './content-redirect.ts'
import { sendContent } from './content.ts'
import { pathUuid } from './validate.ts'

/** `/files/…` */
export function fileRoutes({ sql, pools }: { sql: Sql; pools: Pools }, signedIn: SignedIn): Router {
  const router = Router()

  router.get(
    '/:fileId',
    signedIn(async (request, response, caller) => {
      response.json(presentFile(await fileOf(sql, request, caller)))
    }),
  )

  // Express answers HEAD by the GET route.
  router.get(
    '/:fileId/content',
    signedIn(async (request, response, caller) => {
      const file = await fileOf(sql, request, caller)
      const storage = await pools.open(file.poolId)
      if (await redirected(request, response, storage, file)) return
      const { name, contentType, sizeBytes, sha256, createdAt } = file
      const read = (range: Parameters<typeof storage.read>[1]) => storage.read(file.objectKey, range)
      await sendContent(request, response, { name, contentType, sizeBytes, sha256, lastModified: createdAt, read })
    }),
  )

  return router
}

async function fileOf(sql: Sql, request: Request, caller: Identity): Promise<FileRow> {
  const id = pathUuid(request, 'fileId')
  if (id === undefined) {
    throw new AppError('FILE_NOT_FOUND', 'There is no such file.', { details: { fileId: request.params['fileId'] } })
  }
  return getFile(sql, { id, accountId: caller.account })
}
