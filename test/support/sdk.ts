import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { signToken } from '../../src/auth/token.ts'
import { type Client, createClient, type Fetch, fileResumeStore } from '../../src/client/node.ts'
import { atEndOfEachFile } from './end-of-file.ts'
import { secret } from './system.ts'

/** A user of the SDK: an account, a folder of his own, and as many clients as he opens. */
export type SdkUser = {
  account: string
  token: string
  folder: string
  /** A client that knows what those before it have noted, as another run of a program would. */
  open: (url: string, options?: { fetch?: Fetch }) => Client
}

const folders: string[] = []

atEndOfEachFile(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true })
})

export async function sdkUser(options: { admin?: boolean } = {}): Promise<SdkUser> {
  const account = randomUUID()
  const token = await signToken(secret, { account, admin: options.admin ?? false, expiresInSeconds: 3600 })
  const folder = await mkdtemp(join(tmpdir(), 'longshore-sdk-'))
  folders.push(folder)
  return {
    account,
    token,
    folder,
    open: (url, { fetch } = {}) =>
      createClient({
        url,
        token: () => token,
        resumeStore: fileResumeStore(join(folder, 'notes')),
        ...(fetch === undefined ? {} : { fetch }),
      }),
  }
}
