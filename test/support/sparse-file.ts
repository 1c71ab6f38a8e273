import { createHash, randomUUID } from 'node:crypto'
import { mkdir, open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { TestClient } from './client.ts'
import type { Stage } from './stage.ts'

const defaultPoolId = '550e8400-e29b-41d4-a716-446655440000'

/** A file of zeros that takes no room on the disk, put straight into the default pool. Answers its id. */
export async function sparseFile(
  { sql, poolPath }: Pick<Stage, 'sql' | 'poolPath'>,
  client: TestClient,
  sizeBytes: number,
): Promise<string> {
  const objectId = randomUUID()
  const fileId = randomUUID()
  const key = `objects/00/00/${objectId}-1`
  await mkdir(dirname(join(poolPath, key)), { recursive: true })
  const handle = await open(join(poolPath, key), 'w')
  await handle.truncate(sizeBytes)
  await handle.close()
  await sql`
    insert into objects (id, pool_id, key, size_bytes, sha256)
    values (${objectId}, ${defaultPoolId}, ${key}, ${sizeBytes}, ${sumOfZeros(sizeBytes)})`
  await sql`
    insert into files (id, account_id, object_id, name, content_type, size_bytes)
    values (${fileId}, ${client.account}, ${objectId}, 'zeros.bin', 'application/octet-stream', ${sizeBytes})`
  return fileId
}

function sumOfZeros(sizeBytes: number): Buffer {
  const hash = createHash('sha256')
  const piece = Buffer.alloc(1024 * 1024)
  for (let doneBytes = 0; doneBytes < sizeBytes; doneBytes += piece.length) {
    hash.update(piece.subarray(0, Math.min(piece.length, sizeBytes - doneBytes)))
  }
  return hash.digest()
}
