import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Measured, Subject } from './measure.ts'
import { measureLoad, scratchFolder, scriptPath } from './measure.ts'
import type { Payload } from './payload.ts'
import { eachAtOnce, multipart, openSender, type Sender } from './send.ts'
import { type ServerProcess, startServer } from './server-process.ts'

/** The servers ours is compared with. */
export const peers: readonly Subject[] = [
  { name: 'node sink', measure: (run) => measurePeer('peer-sink', run.payload, run.atOnce, run.folder, sendBare) },
  { name: 'node writer', measure: (run) => measurePeer('peer-writer', run.payload, run.atOnce, run.folder, sendBare) },
  { name: 'tus file-store', measure: (run) => measurePeer('peer-tus', run.payload, run.atOnce, run.folder, sendToTus) },
  {
    name: 'multer diskStorage',
    measure: (run) => measurePeer('peer-multer', run.payload, run.atOnce, run.folder, sendToMulter),
  },
]

type Send = (url: string, sender: Sender, payload: Payload, atOnce: number) => Promise<void>

async function measurePeer(
  script: string,
  payload: Payload,
  atOnce: number,
  folder: string,
  send: Send,
): Promise<Measured> {
  const data = await scratchFolder(join(folder, script))
  const server: ServerProcess = await startServer(scriptPath(`scripts/bench/${script}.js`), { DATA_DIR: data })
  const sender = openSender(atOnce)
  try {
    return await measureLoad(server.pid, payload.sizeBytes, () => send(server.url, sender, payload, atOnce))
  } finally {
    sender.close()
    await server.stop()
    await rm(data, { recursive: true, force: true })
  }
}

const sendBare: Send = (url, sender, payload, atOnce) =>
  eachAtOnce(payload.pieces, atOnce, async (index) => {
    const offsetBytes = index * payload.pieceSizeBytes
    await sender.send({ method: 'PUT', url: `${url}/${offsetBytes}`, body: payload.piece(index) }, [200])
  })

const sendToMulter: Send = (url, sender, payload, atOnce) =>
  eachAtOnce(payload.pieces, atOnce, async (index) => {
    await sender.send({ method: 'POST', url: `${url}/chunk/${index}`, ...multipart(payload.piece(index)) }, [200])
  })

/** A tus upload takes its pieces one after the other, so `atOnce` uploads share the pieces evenly. */
const sendToTus: Send = (url, sender, payload, atOnce) =>
  eachAtOnce(atOnce, atOnce, async (lane) => {
    const first = Math.floor((payload.pieces * lane) / atOnce)
    const end = Math.floor((payload.pieces * (lane + 1)) / atOnce)
    await sendTusUpload(url, sender, payload, first, end)
  })

async function sendTusUpload(url: string, sender: Sender, payload: Payload, first: number, end: number): Promise<void> {
  const version = { 'tus-resumable': '1.0.0' }
  const startBytes = first * payload.pieceSizeBytes
  const lengthBytes = Math.min(end * payload.pieceSizeBytes, payload.sizeBytes) - startBytes
  const headers = { ...version, 'upload-length': lengthBytes }
  const { headers: created } = await sender.send({ method: 'POST', url: `${url}/files`, headers }, [201])
  const upload = new URL(String(created['location']), url).href
  for (let index = first; index < end; index++) {
    const offset = index * payload.pieceSizeBytes - startBytes
    const patch = { ...version, 'content-type': 'application/offset+octet-stream', 'upload-offset': offset }
    await sender.send({ method: 'PATCH', url: upload, headers: patch, body: payload.piece(index) }, [204])
  }
}
