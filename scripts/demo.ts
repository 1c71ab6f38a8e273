import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { explain } from '../src/launch/environment.ts'
import { LaunchError } from '../src/launch/launch-error.ts'
import { openScreen } from './demo/screen.ts'
import { openDemoServer } from './demo/server.ts'
import { takeTour } from './demo/tour.ts'

const usage = `npm run demo -- [options]

Uploads a file with a break in the middle, packs, encrypts and moves it, on the Longshore that runs here, or on one that it starts.

  --size <1-65536>  of the file in MiB (256)
  --once            ends the Longshore that it started, in place of leaving it for you to look around`

function readOptions(args: string[]): { sizeMebibytes: number; once: boolean } {
  try {
    const { values } = parseArgs({
      args,
      options: { size: { type: 'string', default: '256' }, once: { type: 'boolean', default: false } },
    })
    const sizeMebibytes = /^\d{1,5}$/.test(values.size) ? Number(values.size) : 0
    if (sizeMebibytes >= 1 && sizeMebibytes <= 65_536) return { sizeMebibytes, once: values.once }
  } catch {
    // Told below.
  }
  throw new LaunchError(usage)
}

const folder = await mkdtemp(join(tmpdir(), 'longshore-demo-'))
try {
  const { sizeMebibytes, once } = readOptions(process.argv.slice(2))
  const screen = openScreen(process.stdout)
  const server = await openDemoServer(process.env, screen.say)
  try {
    const { url, token } = server
    screen.say(`On ${url}:`)
    const found = await takeTour({ url, token, folder, sizeMebibytes, screen })
    screen.say(`\n${found.join('\n')}\n\nLook around at ${url}; the API to read is at ${url}/docs.`)
    // Ctrl-C reaches the server by itself, which ends in order; this waits for it.
    const wait = !once && !server.isOld
    if (wait) process.on('SIGINT', () => {})
    if (wait) screen.say('Longshore goes on running. Ctrl-C stops it.')
    await server.end({ wait })
  } catch (error) {
    await server.end({ wait: false })
    throw error
  }
} catch (error) {
  console.error(explain(error))
  process.exitCode = 1
} finally {
  await rm(folder, { recursive: true, force: true })
}
process.exit()
