import { randomUUID } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { TaskStack } from './tasks-stack.ts'

type Place = Pick<TaskStack, 'sql' | 'account' | 'dataDir'>
/** Of the form that the pools themselves give to what they store. */
export type BenchFile = { fileId: string; objectId: string; key: string }

const filesAtOnce = 8

/** The folder of a local pool, and the pool as the ledger has it. */
export async function addLocalPool({ sql, dataDir }: Place): Promise<{ poolId: string; folder: string }> {
  const poolId = randomUUID()
  const settings = JSON.stringify({ path: `pools/${poolId}` })
  await sql`insert into pools (id, name, kind, settings) values (${poolId}, ${poolId}, 'local', ${settings}::text::jsonb)`
  const folder = join(dataDir, 'pools', poolId)
  await mkdir(folder, { recursive: true })
  return { poolId, folder }
}

/** Puts files of these bytes into a pool as the account's, past the API: `count` uploads would take longer than what is measured. */
export async function fillPool(
  { sql, account }: Place,
  { poolId, folder }: { poolId: string; folder: string },
  files: readonly { bytes: Buffer; sha256: Buffer }[],
): Promise<BenchFile[]> {
  const made = files.map((): BenchFile => {
    const objectId = randomUUID()
    const [upper, lower] = [objectId.slice(-4, -2), objectId.slice(-2)]
    return { fileId: randomUUID(), objectId, key: `objects/${upper}/${lower}/${objectId}-1` }
  })
  const waiting = made.map((file, index) => ({ ...file, bytes: files[index]?.bytes ?? Buffer.alloc(0) }))
  const writeNext = async (): Promise<void> => {
    for (let file = waiting.pop(); file; file = waiting.pop()) {
      await mkdir(dirname(join(folder, file.key)), { recursive: true })
      await writeFile(join(folder, file.key), file.bytes)
    }
  }
  await Promise.all(Array.from({ length: filesAtOnce }, writeNext))
  const rows = made.map((file, index) => ({
    ...file,
    sizeBytes: files[index]?.bytes.length ?? 0,
    sha256: files[index]?.sha256.toString('hex') ?? '',
  }))
  const given = sql`jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb)
    as row ("fileId" uuid, "objectId" uuid, key text, "sizeBytes" bigint, sha256 text)`
  await sql`
    insert into objects (id, pool_id, key, size_bytes, sha256)
    select "objectId", ${poolId}, key, "sizeBytes", decode(sha256, 'hex') from ${given}`
  await sql`
    insert into files (id, account_id, object_id, name, content_type, size_bytes)
    select "fileId", ${account}, "objectId", key, 'application/octet-stream', "sizeBytes" from ${given}`
  return made
}

/** Runs a task to its end and answers its results. Throws when it does not complete. */
export async function runTask(
  { call, sql }: Pick<TaskStack, 'call' | 'sql'>,
  type: string,
  parameters: Record<string, unknown>,
): Promise<Record<string, unknown>> {
  const created = await call('POST', '/api/tasks', { type, parameters })
  const id = idOf(created)
  for (;;) {
    const [row] = await sql<{ status: string; results: Record<string, unknown> | null; errorMessage: string | null }[]>`
      select status, results, error_message from tasks where id = ${id}`
    if (row?.status === 'Completed') return row.results ?? {}
    if (!row || !['Pending', 'InProgress'].includes(row.status)) {
      throw new Error(`${type} came to ${row?.status}: ${row?.errorMessage}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

function idOf(answer: unknown): string {
  if (typeof answer === 'object' && answer !== null && 'taskId' in answer) return String(answer.taskId)
  throw new Error(`a task was answered as ${JSON.stringify(answer)}`)
}
