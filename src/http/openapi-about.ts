import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { packageRoot } from '../package-root.ts'

const description = `Longshore takes large files in resumable chunks, and does work on files: move, compress, encrypt, convert.

Everything but health, these documents and shared bundles needs \`Authorization: Bearer <JWT>\`. A token that is narrowed by \`scope\`
needs the one that an operation names. What another account has is answered as if it were not there.

Every refusal is \`{ code, message, status, details }\`; programs go by \`code\`. Lists take \`offset\` and \`limit\`, and say in \`X-Total\`
how many there are. Answers may carry more fields in later versions than are described here.

What happens is told live too, by Socket.IO, at \`/ws\` and by server-sent events: that is in the project's docs/events.md.`

const manifest = z.object({ version: z.string() })
const { version } = manifest.parse(JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')))

/** What the document says of the whole. */
export const about = {
  openapi: '3.1.0',
  info: { title: 'Longshore', version, description, license: { name: 'MIT', identifier: 'MIT' } },
  servers: [{ url: '/api' }, { url: '/drive', description: 'The same, by the name that a gateway may have for it.' }],
} as const

export const securitySchemes = {
  token: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: '`sub` is the account, a UUID; `role: admin` makes an administrator; `scope` narrows it.',
  },
  shareToken: {
    type: 'http',
    scheme: 'bearer',
    description: 'For a bundle with a passcode: what `openShare` answers.',
  },
  shareCookie: { type: 'apiKey', in: 'cookie', name: 'longshore_share', description: 'The same, as it is set there.' },
} as const
