import type { Bytes } from './api.ts'
import { type BrowserInput, openBrowserSource } from './browser-source.ts'
import { BaseClient, type ClientOptions } from './client.ts'
import { Files } from './files.ts'
import type { Platform, ResumeStore, SocketHandlers } from './platform.ts'

export * from './public.ts'
export type { BrowserInput } from './browser-source.ts'

export type Client = BaseClient<BrowserInput, Files>

/** A client for a page. */
export function createClient(options: ClientOptions): Client {
  return new BaseClient<BrowserInput, Files>(options, platform, (api, here) => new Files(api, here))
}

type WebSocketHere = {
  send: (text: string) => void
  close: () => void
  addEventListener: (type: string, listener: (event: { data?: unknown }) => void) => void
}
declare const WebSocket: new (url: string) => WebSocketHere
declare const localStorage: {
  getItem: (key: string) => string | null
  setItem: (key: string, value: string) => void
  removeItem: (key: string) => void
}

const prefix = 'longshore.upload.'

/** Notes unfinished uploads in localStorage, so that another tab, or this one once it is loaded again, goes on with them. */
export function localResumeStore(): ResumeStore {
  return {
    get: async (key) => localStorage.getItem(prefix + key) ?? undefined,
    set: async (key, value) => localStorage.setItem(prefix + key, value),
    delete: async (key) => localStorage.removeItem(prefix + key),
  }
}

const platform: Platform = {
  // A page may have replaced it by now, and it must be called on its global.
  fetch: (url, init) => globalThis.fetch(url, init),
  openSource: openBrowserSource,
  openHasher: async () => (await import('./sha256.ts')).openWasmHasher(),
  digest: typeof crypto === 'object' && crypto.subtle !== undefined ? sha256Base64 : undefined,
  md5: async (bytes) => (await import('./sha256.ts')).md5OfBlob(blobOf(bytes)),
  resumeStore: localResumeStore(),
  openSocket,
  // Browsers open six connections to a host that does not speak HTTP/2; one is left for everything else.
  mostParallel: 5,
}

async function openSocket(url: string, { onOpen, onMessage, onClose }: SocketHandlers) {
  const socket = new WebSocket(url)
  socket.addEventListener('open', onOpen)
  socket.addEventListener('message', ({ data }) => {
    if (typeof data === 'string') onMessage(data)
  })
  socket.addEventListener('close', onClose)
  return { send: (text: string) => socket.send(text), close: () => socket.close() }
}

async function sha256Base64(bytes: Bytes): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', await blobOf(bytes).arrayBuffer())
  return btoa(String.fromCharCode(...new Uint8Array(digest)))
}

function blobOf(bytes: Bytes): Blob {
  return bytes instanceof Blob ? bytes : new Blob([bytes])
}
