import { randomBytes } from 'node:crypto'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import type { FileView } from '../../src/client/public.ts'
import { type Client, createClient } from '../../src/client/node.ts'
import { inMebibytes, type Screen } from './screen.ts'

const mebibyte = 1024 * 1024
const poolName = 'demo archive'

export type Tour = { url: string; token: string; folder: string; sizeMebibytes: number; screen: Screen }

/** Shows the main work on a running server, and answers what there is to look at now: a line each. */
export async function takeTour({ url, token, folder, sizeMebibytes, screen }: Tour): Promise<string[]> {
  const path = join(folder, 'holiday.mov')
  await screen.step(`Making a file of ${sizeMebibytes} MiB`, () => makeFile(path, sizeMebibytes))
  const film = await uploadWithBreak({ url, token, path, screen })
  const client = createClient({ url, token })
  const letters = await uploadLetters(client)
  const packed = await runTask(client, screen, 'Packing it with two others (zip)', {
    type: 'FileCompress',
    parameters: { fileIds: [film.id, ...letters], compressionFormat: 'zip', outputFileName: 'holiday.zip' },
  })
  const archiveId = String(packed['resultFileId'])
  const password = randomBytes(9).toString('base64url')
  const sealed = await runTask(client, screen, 'Encrypting the archive (age)', {
    type: 'FileEncrypt',
    parameters: { fileIds: [archiveId], password },
  })
  const [sealedId = ''] = Array.isArray(sealed['resultFileIds']) ? sealed['resultFileIds'].map(String) : []
  const poolId = await findPool(client)
  await runTask(client, screen, 'Moving it to a second pool', {
    type: 'FileMove',
    parameters: { fileIds: [sealedId], targetPoolId: poolId },
  })
  const [archive, moved] = await Promise.all([archiveId, sealedId].map((id) => client.files.get(id)))
  return [
    ...[film, archive, moved].flatMap((file) => (file ? [describe(file)] : [])),
    '',
    `The password is ${password}; what decrypts it is a FileDecrypt task, or: age -d holiday.zip.age`,
  ]
}

function describe({ name, size, id, poolId }: FileView): string {
  return `${name.padEnd(20)} ${inMebibytes(size).padStart(11)}   file ${id}   pool ${poolId}`
}

/** Of random bytes, so that it cannot have been uploaded before. */
async function makeFile(path: string, sizeMebibytes: number): Promise<void> {
  const file = await open(path, 'w')
  try {
    for (let written = 0; written < sizeMebibytes; written++) await file.write(randomBytes(mebibyte))
  } finally {
    await file.close()
  }
}

type Sent = { url: string; token: string; path: string; screen: Screen }

/** Breaks the upload off in the middle, and has another client go on with it, as after the end of a program. */
async function uploadWithBreak({ url, token, path, screen }: Sent): Promise<FileView> {
  const line = new AbortController()
  const resumeKey = `demo ${randomBytes(4).toString('hex')}`
  await screen.step('Uploading, until the line breaks', async (show) => {
    const upload = createClient({ url, token }).upload(path, {
      resumeKey,
      contentType: 'video/quicktime',
      signal: line.signal,
      onProgress: ({ phase, percent, bytesPerSecond }) => {
        show(phase === 'hashing' ? 0 : percent, phase === 'hashing' ? 'hashing' : `${inMebibytes(bytesPerSecond)}/s`)
        if (phase === 'uploading' && percent >= 40) line.abort()
      },
    })
    await upload.catch((error: unknown) => {
      if (!line.signal.aborted) throw error
    })
  })
  let kept = 0
  const file = await screen.step('Going on where it stopped', (show) =>
    createClient({ url, token }).upload(path, {
      resumeKey,
      contentType: 'video/quicktime',
      onProgress: ({ phase, percent, loadedBytes, bytesPerSecond }) => {
        if (phase === 'uploading' && kept === 0) kept = loadedBytes
        show(phase === 'hashing' ? 0 : percent, phase === 'uploading' ? `${inMebibytes(bytesPerSecond)}/s` : phase)
      },
    }),
  )
  screen.say(
    `    ${inMebibytes(kept)} were there already and were not sent again; SHA-256 ${file.hash.slice(0, 16)}… is right`,
  )
  return file
}

async function uploadLetters(client: Client): Promise<string[]> {
  const texts = ['Dear Ada,\n', 'Dear Grace,\n'].map((line) =>
    `${line}${randomBytes(8).toString('hex')}\n`.repeat(1000),
  )
  const files = await Promise.all(
    texts.map((text, nth) =>
      client.upload(Buffer.from(text), { fileName: `letter ${nth + 1}.txt`, contentType: 'text/plain' }),
    ),
  )
  return files.map((file) => file.id)
}

async function runTask(
  client: Client,
  screen: Screen,
  title: string,
  task: { type: string; parameters: Record<string, unknown> },
): Promise<Record<string, unknown>> {
  return screen.step(title, async (show) => {
    const { results } = await client.tasks.run(task, {
      onEvent: ({ type, data }) => {
        if (type === 'task.progress' && 'progress' in data) show(data.progress)
      },
    })
    return results ?? {}
  })
}

async function findPool(client: Client): Promise<string> {
  const pools = await client.admin.pools()
  const known = pools.find(({ name, disabledAt }) => name === poolName && disabledAt === null)
  const pool =
    known ??
    (await client.admin.createPool({ name: poolName, kind: 'local', settings: { path: 'pools/demo-archive' } }))
  return pool.id
}
