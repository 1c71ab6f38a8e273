import { createHash } from 'node:crypto'
import type { Api, Bytes } from './api.ts'
import { BaseClient, type ClientOptions } from './client.ts'
import { NodeFiles } from './node-files.ts'
import { fileResumeStore } from './node-resume-store.ts'
import { type NodeInput, openNodeSource } from './node-source.ts'
import type { Platform, SocketHandlers } from './platform.ts'

export * from './public.ts'
export { fileResumeStore } from './node-resume-store.ts'
export type { NodeFiles } from './node-files.ts'
export type { NodeInput } from './node-source.ts'

export type Client = BaseClient<NodeInput, NodeFiles>

/** A client for a program in Node. */
export function createClient(options: ClientOptions): Client {
  const resumeStore = options.resumeStore ?? fileResumeStore()
  return new BaseClient({ ...options, resumeStore }, { ...platform, resumeStore }, openFiles)
}

const openFiles = (api: Api, here: Platform): NodeFiles => new NodeFiles(api, here)

const platform: Omit<Platform, 'resumeStore'> = {
  fetch: (url, init) => globalThis.fetch(url, init),
  openSource: openNodeSource,
  openHasher: async () => {
    const hash = createHash('sha256')
    return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest('hex') }
  },
  digest: async (bytes) => Buffer.from(await crypto.subtle.digest('SHA-256', await bufferOf(bytes))).toString('base64'),
  md5: async (bytes) =>
    createHash('md5')
      .update(await bufferOf(bytes))
      .digest('base64'),
  openSocket,
  mostParallel: 8,
}

async function bufferOf(bytes: Bytes): Promise<Uint8Array<ArrayBuffer>> {
  return bytes instanceof Blob ? new Uint8Array(await bytes.arrayBuffer()) : bytes
}

async function openSocket(url: string, { onOpen, onMessage, onClose }: SocketHandlers) {
  // Node has a WebSocket of its own from 22 on only.
  const { WebSocket } = await import('ws')
  const socket = new WebSocket(url)
  socket.on('open', onOpen)
  socket.addEventListener('message', ({ data }) => {
    if (typeof data === 'string') onMessage(data)
  })
  // "close" follows.
  socket.on('error', () => {})
  socket.on('close', onClose)
  return {
    send: (text: string) => {
      if (socket.readyState === socket.OPEN) socket.send(text)
    },
    close: () => socket.close(),
  }
}
