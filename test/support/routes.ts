import { type Declaration, type RouteGroup } from '../../src/http/route.ts'
import { describeApi, type OpenApi, pathOf } from '../../src/http/openapi.ts'
import { routeGroups } from '../../src/http/routes.ts'

/** A declared route, and how the paths of its requests look. */
export type KnownRoute = { group: RouteGroup; declaration: Declaration; path: string; pattern: RegExp }

const groups = routeGroups({} as never)
let described: OpenApi | undefined

/** The document that the server publishes. */
export function openApi(): OpenApi {
  described ??= describeApi(groups)
  return described
}

/** Every route, in the order in which the server asks them. */
export const knownRoutes: readonly KnownRoute[] = [
  ...groups.root.flatMap((group) => routesOf(group, '')),
  ...groups.api.flatMap((group) => routesOf(group, '/(?:api|drive)')),
]

function routesOf(group: RouteGroup, prefix: string): KnownRoute[] {
  return group.routes.map(({ declaration }) => {
    const path = pathOf(group, declaration)
    // As Express takes them: whatever the case, and with or without a slash at the end.
    const pattern = new RegExp(`^${prefix}${path.replaceAll('.', '\\.').replace(/\{\w+\}/g, '[^/]+')}/?$`, 'i')
    return { group, declaration, path, pattern }
  })
}
