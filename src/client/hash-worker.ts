import { sha256OfBlob } from './sha256.ts'

/** The scope of a Web Worker, as far as it is used. */
declare const self: {
  addEventListener: (type: 'message', listener: (event: { data: Blob }) => void) => void
  postMessage: (message: unknown) => void
}

self.addEventListener('message', ({ data }) => {
  sha256OfBlob(data, (hashedBytes) => self.postMessage({ hashedBytes })).then(
    (hash) => self.postMessage({ hash }),
    (error: unknown) => self.postMessage({ error: String(error) }),
  )
})
