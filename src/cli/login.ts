import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import type { Command, Context } from './command.ts'
import { Interrupted, UsageError } from './exit.ts'
import { requireWords } from './parse.ts'
import { forgetAccount, keepAccount, openClient } from './sign-in.ts'

export const login: Command = {
  name: 'login',
  summary: 'Sign in to a server.',
  usage: 'URL',
  details:
    'Asks for a token, or reads it from standard input, tries it, and keeps both in a file that you alone can read, below XDG_CONFIG_HOME. LONGSHORE_URL and LONGSHORE_TOKEN go before what is kept.',
  flags: {},
  examples: ['longshore login https://files.example.com', 'longshore login http://127.0.0.1:8080 < token.txt'],
  run: async (context, given) => {
    requireWords(given, { least: 1, most: 1 }, 'the URL of the server')
    const [url = ''] = given.positionals
    if (!URL.canParse(url) || !/^https?:/.test(url)) throw new UsageError(`"${url}" is not the URL of a server`)
    const account = { url: url.replace(/\/+$/, ''), token: await readToken(context) }
    const quota = await openClient(context.env, account).quota()
    const path = await keepAccount(context.env, account)
    if (context.json) context.terminal.print(JSON.stringify({ url: account.url, path, quota }))
    context.terminal.note(`Signed in to ${account.url}; kept in ${path}.`)
    return undefined
  },
}

export const logout: Command = {
  name: 'logout',
  summary: 'Forget the server and its token.',
  usage: '',
  flags: {},
  examples: ['longshore logout'],
  run: async ({ env }, given) => {
    requireWords(given, { most: 0 }, '')
    await forgetAccount(env)
    return undefined
  },
}

async function readToken({ stdin, signal, terminal }: Context): Promise<string> {
  const token = stdin.isTTY ? await askHidden(stdin, signal, terminal.stdout) : await text(stdin)
  if (/^\S+$/.test(token.trim())) return token.trim()
  throw new UsageError('a token is one word; none came')
}

/** What is typed is not shown. */
async function askHidden(input: NodeJS.ReadStream, signal: AbortSignal, stdout: NodeJS.WriteStream): Promise<string> {
  const output = new Writable({ write: (_chunk, _encoding, done) => done() })
  const asking = createInterface({ input, output, terminal: true })
  // A terminal that shows nothing does not turn Ctrl-C into a signal either.
  const interrupted = new AbortController()
  asking.once('SIGINT', () => interrupted.abort(new Interrupted('It was interrupted.')))
  // Only now, when the terminal does not show any more what is typed: who sees the question may paste at once.
  stdout.write('Token: ')
  try {
    return await asking.question('', { signal: AbortSignal.any([signal, interrupted.signal]) })
  } catch (error) {
    interrupted.signal.throwIfAborted()
    throw error
  } finally {
    asking.close()
    stdout.write('\n')
  }
}
