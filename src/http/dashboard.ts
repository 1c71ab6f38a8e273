import express, { type RequestHandler, Router } from 'express'
import helmet from 'helmet'

/** What the page may do: run its own files, hash in WebAssembly, and talk to this server and to stores that take uploads directly. */
const pagePolicy = helmet.contentSecurityPolicy({
  useDefaults: false,
  directives: {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'", "'wasm-unsafe-eval'"],
    workerSrc: ["'self'"],
    styleSrc: ["'self'"],
    imgSrc: ["'self'"],
    connectSrc: ["'self'"],
    formAction: ["'none'"],
    baseUri: ["'none'"],
    frameAncestors: ["'none'"],
  },
})

/**
 * Serves the built page at `/` and its files below `/assets`, to everybody: there is nothing in them that is anybody's. The page has its
 * routes behind `#`, so no path of the API is ever taken. Without a built page nothing is served.
 */
export function servePage(folder: string): RequestHandler {
  const router = Router()
  const files = { index: false, redirect: false, dotfiles: 'ignore', etag: true } as const
  router.use('/assets', pagePolicy, express.static(`${folder}/assets`, { ...files, immutable: true, maxAge: '1y' }))
  router.get('/', pagePolicy, (_request, response, next) => {
    response.sendFile(
      'index.html',
      { root: folder, cacheControl: false, headers: { 'Cache-Control': 'no-cache' } },
      (error) => {
        if (error && !response.headersSent) next()
      },
    )
  })
  return router
}
