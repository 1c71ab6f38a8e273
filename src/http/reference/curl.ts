import type { Operation } from '../openapi.ts'
import { leastOf, type Schemas } from './example.ts'

/** A command line for a shell that does what an operation is for. `path` is where it lies, with its variables in braces. */
export function curlOf(schemas: Schemas, method: string, path: string, operation: Operation): string {
  const parts = [
    `curl${method === 'get' ? '' : ` -X ${method.toUpperCase()}`} "$LONGSHORE_URL${path.replace(/\{(\w+)\}/g, '$$$1')}"`,
    ...('token' in (operation.security[0] ?? {}) ? ['-H "Authorization: Bearer $TOKEN"'] : []),
    ...bodyOf(schemas, operation),
    ...('304' in operation.responses && '206' in operation.responses ? ['-L -o file'] : []),
  ]
  return parts.join(' \\\n  ')
}

function bodyOf(schemas: Schemas, { requestBody }: Operation): string[] {
  const { content = {} } = requestBody ?? {}
  if ('multipart/form-data' in content) return ['-F chunk=@chunk.bin']
  if ('application/octet-stream' in content) return ['-H "Content-Type: application/octet-stream"', '-T chunk.bin']
  const schema = content['application/json']?.schema
  if (!schema) return []
  const json = JSON.stringify(leastOf(schemas, schema)).replaceAll("'", String.raw`'\''`)
  return ['-H "Content-Type: application/json"', `-d '${json}'`]
}
