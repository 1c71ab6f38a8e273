/** A parameter that stands for an earlier task's result: `{ "$result": { "taskId": "…", "path": "resultFileId" } }`. */
export type ResultReference = { taskId: string; path: string }

type Found = { at: (string | number)[]; reference: ResultReference }

/** Every reference in some parameters, with where it stands. */
export function findReferences(value: unknown, at: (string | number)[] = []): Found[] {
  const reference = readReference(value)
  if (reference) return [{ at, reference }]
  if (Array.isArray(value)) return value.flatMap((item, index) => findReferences(item, [...at, index]))
  if (!isRecord(value)) return []
  return Object.entries(value).flatMap(([key, item]) => findReferences(item, [...at, key]))
}

/** The same parameters with every reference's task renamed. */
export function renameReferences(value: unknown, rename: (taskId: string) => string): unknown {
  return mapReferences(value, ({ taskId, path }) => ({ $result: { taskId: rename(taskId), path } }))
}

/**
 * The same parameters with what the references stand for in their place. A reference to what a task did not give throws
 * what `missing` makes of it.
 */
export function resolveReferences(
  value: unknown,
  results: ReadonlyMap<string, unknown>,
  missing: (reference: ResultReference) => Error,
): unknown {
  return mapReferences(value, (reference) => {
    const found = reference.path
      .split('.')
      .reduce<unknown>((part, key) => readKey(part, key), results.get(reference.taskId))
    if (found === undefined) throw missing(reference)
    return found
  })
}

function mapReferences(value: unknown, map: (reference: ResultReference) => unknown): unknown {
  const reference = readReference(value)
  if (reference) return map(reference)
  if (Array.isArray(value)) return value.map((item) => mapReferences(item, map))
  if (!isRecord(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mapReferences(item, map)]))
}

function readReference(value: unknown): ResultReference | undefined {
  if (!isRecord(value) || Object.keys(value).length !== 1) return undefined
  const inner = value['$result']
  if (!isRecord(inner) || typeof inner['taskId'] !== 'string' || typeof inner['path'] !== 'string') return undefined
  return { taskId: inner['taskId'], path: inner['path'] }
}

function readKey(value: unknown, key: string): unknown {
  if (Array.isArray(value)) return /^\d+$/.test(key) ? value[Number(key)] : undefined
  return isRecord(value) && Object.hasOwn(value, key) ? value[key] : undefined
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
