import { join } from 'node:path'
import { explain } from '../src/launch/environment.ts'
import { launch } from '../src/launch/launch.ts'
import { stopSignals } from '../src/launch/stop-signals.ts'
import { packageRoot } from '../src/package-root.ts'

const root = packageRoot()
const { stop, hurry } = stopSignals()

try {
  await launch({
    env: process.env,
    root,
    procfile: process.argv[2] ?? join(root, 'Procfile'),
    stop,
    hurry,
    say: (text) => console.log(text),
    // A terminal shows who speaks; a file or a pipe gets the JSON lines as they are.
    onLine: (name, line) => console.log(process.stdout.isTTY ? `${name.padEnd(6)} | ${line}` : line),
  })
} catch (error) {
  console.error(explain(error))
  process.exitCode = 1
}
process.exit()
