// Runs before start, test, token, migrate, bench and chaos: makes sure that the dependencies are installed and dist/ is built
// from the sources as they are now. It may use nothing but Node itself, because nothing else may be there yet.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = realpathSync(join(dirname(fileURLToPath(import.meta.url)), '..'))
const installStamp = join(root, 'node_modules', '.longshore-installed')
const buildStamp = join(root, 'dist', '.built-from')

// The build and the tests need the development dependencies, whatever NODE_ENV says. No dependency needs its install
// script: Postgres's library links are made when it starts.
const npmOptions = [
  '--include=dev',
  '--include=optional',
  '--ignore-scripts',
  '--prefer-offline',
  '--no-audit',
  '--no-fund',
]

requireNode(20, 15)
if (!isInstalled() || !isBuilt()) {
  const release = await holdLock()
  if (!isInstalled()) await install()
  if (!isBuilt()) await build()
  release()
}

function requireNode(major, minor) {
  const [runningMajor = 0, runningMinor = 0] = process.versions.node.split('.').map(Number)
  if (runningMajor > major || (runningMajor === major && runningMinor >= minor)) return
  stop(`Longshore needs Node ${major}.${minor} or newer; this is Node ${process.versions.node}. Install a newer Node.`)
}

function isInstalled() {
  return readStamp(installStamp) === installState()
}

function installState() {
  const hash = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex')
  return `${hash} node-${process.versions.node.split('.')[0]} ${process.platform}-${process.arch}`
}

async function install() {
  console.error('Installing dependencies (npm ci) …')
  const npm = process.env.npm_execpath?.endsWith('.js') ? [process.execPath, process.env.npm_execpath] : ['npm']
  const failure = await run([...npm, 'ci', ...npmOptions])
  if (failure) stop(`Installing the dependencies failed (${failure}). Put right what npm says above, then try again.`)
  writeFileSync(installStamp, installState())
}

function isBuilt() {
  return readStamp(buildStamp) === sourceState()
}

/** A hash of every source's path and content, so that a deleted or moved one counts as a change as well. */
function sourceState() {
  const hash = createHash('sha256')
  const folders = ['src', 'workers', 'scripts'].flatMap((folder) => sourcesIn(folder))
  for (const path of [...folders, 'tsconfig.json', 'tsconfig.build.json', 'package-lock.json']) {
    hash.update(`\0${path}\0`).update(readFileSync(join(root, path)))
  }
  return hash.digest('hex')
}

function sourcesIn(folder) {
  if (!existsSync(join(root, folder))) return []
  return readdirSync(join(root, folder), { recursive: true })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name))
    .sort()
}

async function build() {
  const state = sourceState()
  const fresh = join(root, 'dist.next')
  rmSync(fresh, { recursive: true, force: true })
  const tsc = join(root, 'node_modules', '.bin', 'tsc')
  const failure = await run([tsc, '-p', 'tsconfig.build.json', '--outDir', fresh])
  if (failure) {
    rmSync(fresh, { recursive: true, force: true })
    stop(`The build failed (${failure}): see the errors above.`)
  }
  writeFileSync(join(fresh, '.built-from'), state)
  swapIn(fresh)
}

/** Renames whole folders, so that a process which is just loading its files meets a complete set of them. */
function swapIn(fresh) {
  const dist = join(root, 'dist')
  const old = join(root, 'dist.old')
  rmSync(old, { recursive: true, force: true })
  if (existsSync(dist)) renameSync(dist, old)
  renameSync(fresh, dist)
  rmSync(old, { recursive: true, force: true })
}

/** Everything the command prints goes to stderr: stdout belongs to the script that runs afterwards. */
function run([command, ...args]) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 2, 2], shell: process.platform === 'win32' })
    child.on('error', (error) => resolve(error.message))
    child.on('close', (code, signal) => resolve(code === 0 ? undefined : (signal ?? `exit code ${code}`)))
  })
}

/** One at a time per checkout. The lock is a listening socket, so the system releases it when its holder dies. */
async function holdLock() {
  const name = `longshore-prepare-${createHash('sha256').update(root).digest('hex').slice(0, 16)}`
  const address = process.platform === 'linux' ? `\0${name}` : join(tmpdir(), `${name}.sock`)
  for (;;) {
    const server = await tryListen(address)
    if (server) return () => server.close()
    const holderWasAlive = await waitForHolder(address)
    if (!holderWasAlive && process.platform !== 'linux') rmSync(address, { force: true })
  }
}

function tryListen(address) {
  return new Promise((resolve, reject) => {
    const connections = new Set()
    const server = createServer((connection) => connections.add(connection.on('error', () => {})))
    server.once('error', (error) => (error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error)))
    server.listen(address, () => {
      const close = server.close.bind(server)
      server.close = () => {
        for (const connection of connections) connection.destroy()
        return close()
      }
      resolve(server)
    })
  })
}

function waitForHolder(address) {
  return new Promise((resolve) => {
    let alive = false
    const connection = connect(address, () => {
      alive = true
    })
    connection.resume()
    connection.on('error', () => {})
    connection.on('close', () => resolve(alive))
  })
}

function readStamp(path) {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined
}

function stop(message) {
  console.error(message)
  process.exit(1)
}
