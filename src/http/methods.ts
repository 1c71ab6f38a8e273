import type { Router } from 'express'
import { AppError } from '../errors.ts'

/**
 * Has a router answer 405 with `Allow` for a known path with a method that it does not take (RFC 9110 §15.5.6), and
 * OPTIONS with the same. To be called when all routes are declared. Answers the router.
 */
export function refuseOtherMethods(router: Router): Router {
  for (const [path, methods] of methodsByPath(router)) {
    const allow = [...methods].join(', ')
    router.all(path, (request, response) => {
      response.set('Allow', allow)
      if (request.method !== 'OPTIONS') {
        throw new AppError(
          'METHOD_NOT_ALLOWED',
          `${request.method} is not for ${request.baseUrl}${request.path}; ${allow} is.`,
          {
            details: { allow: [...methods] },
          },
        )
      }
      response.status(204).end()
    })
  }
  return router
}

/** What each path of a router takes; paths without variables first, for they fit those with variables too. */
function methodsByPath(router: Router): [string, Set<string>][] {
  const byPath = new Map<string, Set<string>>()
  for (const { route } of router.stack) {
    if (!route) continue
    const methods = byPath.get(route.path) ?? new Set<string>()
    for (const { method } of route.stack) methods.add(method.toUpperCase())
    // Express answers HEAD by the GET route.
    if (methods.has('GET')) methods.add('HEAD')
    byPath.set(route.path, methods.add('OPTIONS'))
  }
  const variables = (path: string): number => path.split(':').length
  return [...byPath].sort(([one], [other]) => variables(one) - variables(other))
}
