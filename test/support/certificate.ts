import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** A certificate that vouches for itself, and where it lies as a file. */
export type Certificate = { path: string; cert: Buffer; key: Buffer; remove: () => Promise<void> }

/** Makes one for these names (`DNS:localhost`, `IP:127.0.0.1`) with the `openssl` of the PATH. */
export async function makeCertificate(...names: string[]): Promise<Certificate> {
  const folder = await mkdtemp(join(tmpdir(), 'longshore-certificate-'))
  const [path, keyPath] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', keyPath]
  const subject = ['-subj', '/CN=a test', '-addext', `subjectAltName=${names.join(',')}`]
  await promisify(execFile)('openssl', ['req', '-x509', ...key, ...subject, '-days', '2', '-out', path])
  return {
    path,
    cert: await readFile(path),
    key: await readFile(keyPath),
    remove: () => rm(folder, { recursive: true }),
  }
}
