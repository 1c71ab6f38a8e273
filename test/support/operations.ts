import type { Operation } from '../../src/http/openapi.ts'
import { leastOf } from '../../src/http/reference/example.ts'
import { openApi } from './routes.ts'

/** An operation of the document that the server publishes, and where it is asked for. */
export type Walked = { name: string; method: string; path: string; operation: Operation; scope: string | undefined }

/** Every one of them; `scope` is what a token that is narrowed needs, undefined where none is needed. */
export function everyOperation(): Walked[] {
  return Object.entries(openApi().paths).flatMap(([path, { servers, ...methods }]) =>
    Object.entries(methods).map(([method, operation]) => ({
      name: operation.operationId,
      method: method.toUpperCase(),
      path: servers ? path : `/api${path}`,
      operation,
      scope: operation.security.flatMap(({ token = [] }) => token)[0],
    })),
  )
}

/** A path with values in place of its variables. */
export function filledIn(path: string, values: Record<string, string>): string {
  return path.replace(/\{(\w+)\}/g, (_, name: string) => values[name] ?? name)
}

/** The least body that an operation takes; undefined when it takes none. */
export function leastBody({ requestBody }: Operation): unknown {
  const { content = {} } = requestBody ?? {}
  const schema = content['application/json']?.schema
  if (schema) return leastOf(openApi().components.schemas, schema)
  if ('application/octet-stream' in content) return Buffer.from('x')
  if (!('multipart/form-data' in content)) return undefined
  const form = new FormData()
  form.append('chunk', new Blob(['x']))
  return form
}
