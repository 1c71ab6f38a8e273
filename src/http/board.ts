import express, { type Request, type RequestHandler, type Response, Router } from 'express'
import helmet from 'helmet'
import type { Sql } from '../db/connect.ts'
import { AppError } from '../errors.ts'
import type { Board } from '../queue/board.ts'
import type { Engine } from '../queue/engine.ts'
import { boardPath, isBoardOpenTo } from './board-session.ts'
import { refuseOtherMethods } from './methods.ts'

export type BoardDeps = { sql: Sql; engine: Pick<Engine, 'openBoard'> }

/** Its own files, its own answers, and the styles that its parts write into the page. */
const boardPolicy = helmet.contentSecurityPolicy({
  useDefaults: false,
  directives: {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'", "'unsafe-inline'"],
    imgSrc: ["'self'", 'data:'],
    connectSrc: ["'self'"],
    formAction: ["'none'"],
    baseUri: ["'self'"],
    frameAncestors: ["'none'"],
  },
})

/**
 * Serves bull-board at `/admin/queues` to browsers that it was opened to (board-session.ts), to be read. It is loaded when the first
 * comes. It is nobody's API, and so not in the document.
 */
export function serveBoard({ sql, engine }: BoardDeps): RequestHandler {
  let router: Promise<Router> | undefined
  const whole = Router()
  whole.use(boardPath, boardPolicy, async (request, response, next) => {
    response.set('Cache-Control', 'private, no-store')
    if (!(await isBoardOpenTo(sql, request))) return refuse(request, response)
    router ??= engine.openBoard().then(routerOf)
    const handle = await router.catch((error: unknown) => {
      // Whoever comes next tries anew.
      router = undefined
      throw error
    })
    handle(request, response, next)
  })
  return whole
}

function routerOf(board: Board): Router {
  const router = Router()
  const page: RequestHandler = (_request, response) => {
    response.type('html').send(board.page(boardPath))
  }
  router.use('/static', express.static(board.staticFolder, { index: false, redirect: false, dotfiles: 'ignore' }))
  for (const path of board.pagePaths) router.get(path, page)
  for (const { path, answer } of board.routes) {
    router.get(path, async (request, response) => {
      const params = Object.fromEntries(Object.entries(request.params).map(([name, value]) => [name, String(value)]))
      const { status, body } = await answer({ params, query: request.query })
      response.status(status).json(body)
    })
  }
  return refuseOtherMethods(router)
}

/** A person is told where the board is opened; a program gets the error that it knows. */
function refuse(request: Request, response: Response): void {
  if (request.accepts(['json', 'html']) !== 'html') {
    throw new AppError(
      'UNAUTHENTICATED',
      'The board is opened from the page "Queues" of the dashboard, by administrators.',
    )
  }
  response.status(401).type('html').send(closedPage)
}

const closedPage = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Longshore queues</title></head>
<body><h1>This board is closed</h1>
<p>Administrators open it from <a href="/#/queues">Queues</a> in the dashboard; it stays open for 15 minutes.</p></body></html>
`
