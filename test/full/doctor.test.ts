import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { randomUUID } from 'node:crypto'
import { expect, it, onTestFinished } from 'vitest'
import { alive, startLongshore, temporaryFolder, untilReady } from '../launch/longshore.ts'
import { type Ledger, openLedger } from '../support/ledger.ts'
import { startProcess } from '../support/process.ts'

const many = 500_000
/** Enough for a heap to be as large as it is while there is much to do. */
const some = 50_000
const perPage = 1000
const mebibyte = 1024 * 1024

/** Keys that both the ledger and the store can make of a number, in their order. */
const keyOf = (nth: number): string =>
  `objects/00/00/${nth.toString(16).padStart(8, '0')}-0000-4000-8000-000000000000-1`

/** A store that has so many objects of one byte, as far as lists tell; nothing else can be asked of it. */
async function startListingStore(count: () => number): Promise<string> {
  const server = createServer((request, response) => {
    const { searchParams } = new URL(request.url ?? '/', 'http://any')
    if (searchParams.has('uploads')) return response.end('<ListMultipartUploadsResult></ListMultipartUploadsResult>')
    const from = Number(searchParams.get('continuation-token') ?? 0)
    const until = Math.min(count(), from + perPage)
    const listed = Array.from({ length: until - from }, (_, nth) => {
      return `<Contents><Key>${keyOf(from + nth)}</Key><Size>1</Size><LastModified>2026-01-02T03:04:05.000Z</LastModified></Contents>`
    })
    const more =
      until < count() ? `<IsTruncated>true</IsTruncated><NextContinuationToken>${until}</NextContinuationToken>` : ''
    return response.end(`<ListBucketResult>${listed.join('')}${more}</ListBucketResult>`)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${Object(server.address()).port}`
}

async function insertObjects({ sql }: Ledger, poolId: string, count: number): Promise<void> {
  // All of them lost their last file just now, so that they need none.
  await sql`
    insert into objects (id, pool_id, key, size_bytes, sha256, orphaned_at)
    select gen_random_uuid(), ${poolId}, 'objects/00/00/' || lpad(to_hex(n), 8, '0') || '-0000-4000-8000-000000000000-1', 1, '', now()
    from generate_series(0, ${count - 1}::int) as n`
}

/** Runs the doctor, and answers what it said and how much memory it took at most. Linux only. */
async function examined(
  env: Record<string, string>,
): Promise<{ code: number | null; output: string; peakBytes: number }> {
  const command = startProcess({ file: 'scripts/doctor.js', args: ['--json'], env })
  let peakBytes = 0
  const look = async (): Promise<void> => {
    const status = await readFile(`/proc/${command.pid}/status`, 'utf8').catch(() => '')
    peakBytes = Math.max(peakBytes, 1024 * Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0))
  }
  const watching = setInterval(() => void look(), 50)
  const { code } = await command.exited
  clearInterval(watching)
  return { code, output: command.output(), peakBytes }
}

it(`the doctor takes no more memory for ${many} objects than for ${some}`, async () => {
  const ledger = await openLedger()
  onTestFinished(() => ledger.close())
  const folder = await temporaryFolder(0o700)
  onTestFinished(() => folder.close())
  let count = some
  const endpoint = await startListingStore(() => count)
  const poolId = randomUUID()
  const settings = JSON.stringify({
    endpoint,
    bucket: 'bucket',
    credentials: { accessKeyId: 'S3_KEY_ID', secretAccessKey: 'S3_SECRET' },
  })
  await ledger.sql`insert into pools (id, name, kind, settings) values (${poolId}, 'many', 's3', ${settings}::text::jsonb)`
  const own = { DATABASE_URL: ledger.databaseUrl, DATA_DIR: folder.path, AUTH_JWT_SECRET: 'x'.repeat(32) }
  const env = { ...own, S3_KEY_ID: 'a', S3_SECRET: 'b' }
  await insertObjects(ledger, poolId, count)
  const fewer = await examined(env)
  expect(fewer).toMatchObject({ code: 0 })
  count = many
  await ledger.sql`delete from objects`
  await insertObjects(ledger, poolId, count)
  const beganAtMs = performance.now()
  const all = await examined(env)
  const seconds = (performance.now() - beganAtMs) / 1000
  expect(all).toMatchObject({ code: 0 })
  expect(all.output).toContain(`"storedObjects": ${many}`)
  console.log({
    objects: many,
    seconds: Math.round(seconds),
    peakMiB: Math.round(all.peakBytes / mebibyte),
    peakOfSomeMiB: Math.round(fewer.peakBytes / mebibyte),
  })
  expect(all.peakBytes - fewer.peakBytes).toBeLessThan(64 * mebibyte)
})

it('the doctor examines what npm start runs, and what it ran, with the database that it brings along', async () => {
  const folder = await temporaryFolder(0o711)
  onTestFinished(() => folder.close())
  const longshore = startLongshore(folder.path)
  const { web, worker, postgres } = await untilReady(longshore, folder.path)
  const env = { DATA_DIR: folder.path }
  const running = await examined(env)
  expect(running).toMatchObject({ code: 0 })
  longshore.kill('SIGINT')
  await longshore.exited
  const stopped = await examined(env)
  expect(stopped).toMatchObject({ code: 0 })
  expect(stopped.output).toContain('"verdict": "sound"')
  expect(await alive(web, worker, postgres)).toEqual([])
  const nowhere = await examined({ DATA_DIR: `${folder.path}/nowhere` })
  expect(nowhere).toMatchObject({ code: 2, output: expect.stringContaining('There is no database in DATA_DIR') })
})
