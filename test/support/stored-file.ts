import { createHash, randomUUID } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { TestClient } from './client.ts'
import type { Stage } from './stage.ts'

const defaultPoolId = '550e8400-e29b-41d4-a716-446655440000'

/** A file of these bytes, put straight into the default pool, which is quicker than an upload. Answers its id. */
export async function storedFile(
  { sql, poolPath }: Pick<Stage, 'sql' | 'poolPath'>,
  client: Pick<TestClient, 'account'>,
  bytes: Buffer,
  name = 'sample.bin',
): Promise<string> {
  const objectId = randomUUID()
  const fileId = randomUUID()
  const key = `objects/00/00/${objectId}-1`
  await mkdir(dirname(join(poolPath, key)), { recursive: true })
  await writeFile(join(poolPath, key), bytes)
  const sha256 = createHash('sha256').update(bytes).digest()
  await sql`
    with object as (
      insert into objects (id, pool_id, key, size_bytes, sha256)
      values (${objectId}, ${defaultPoolId}, ${key}, ${bytes.length}, ${sha256})
    )
    insert into files (id, account_id, object_id, name, content_type, size_bytes)
    values (${fileId}, ${client.account}, ${objectId}, ${name}, 'application/octet-stream', ${bytes.length})`
  return fileId
}
