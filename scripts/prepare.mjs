// Runs before start, test, token, migrate, bench and chaos: makes sure that the dependencies are installed and dist/ is built
// from the sources as they are now; with --page, which `npm start` asks for, the dashboard as well. It may use nothing but Node itself, because nothing else may be there yet.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, readdirSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = realpathSync(join(dirname(fileURLToPath(import.meta.url)), '..'))
const installStamp = join(root, 'node_modules', '.longshore-installed')
const buildStamp = join(root, 'dist', '.built-from')
const pageStamp = join(root, 'dist', 'dashboard', '.built-from')
const pageFolder = join('src', 'dashboard')
const freshPage = join(root, 'dist.page')
const wantsPage = process.argv.includes('--page')

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

requireNode(20, 19)
if (!isInstalled() || !isBuilt() || !hasPage()) {
  const release = await holdLock()
  if (!isInstalled()) await install()
  // At once: together they take little longer than the slower one.
  const page = hasPage() ? undefined : buildPage()
  if (!isBuilt()) await build()
  await page?.then(swapPageIn)
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
  const sources = ['src', 'workers', 'scripts'].flatMap((folder) => sourcesIn(folder, /\.ts$/))
  const ours = sources.filter((path) => !path.startsWith(pageFolder))
  const how = ['tsconfig.json', 'tsconfig.build.json', 'scripts/bundle.mjs', 'package-lock.json']
  return hashOf([...ours, ...how])
}

function hashOf(paths) {
  const hash = createHash('sha256')
  for (const path of paths) hash.update(`\0${path}\0`).update(readFileSync(join(root, path)))
  return hash.digest('hex')
}

function sourcesIn(folder, endings) {
  if (!existsSync(join(root, folder))) return []
  return readdirSync(join(root, folder), { recursive: true })
    .filter((name) => endings.test(name))
    .map((name) => join(folder, name))
    .sort()
}

function hasPage() {
  return !wantsPage || readStamp(pageStamp) === pageState()
}

/** The same for the page and the SDK, which is built into it. */
function pageState() {
  const folders = [pageFolder, join('src', 'client')].flatMap((folder) => sourcesIn(folder, /\.(tsx?|css|html|svg)$/))
  return hashOf([...folders, 'package-lock.json'])
}

async function buildPage() {
  const state = pageState()
  rmSync(freshPage, { recursive: true, force: true })
  const vite = join(root, 'node_modules', '.bin', 'vite')
  const failure = await run([vite, 'build', pageFolder, '--outDir', freshPage, '--logLevel', 'warn'])
  if (failure) {
    rmSync(freshPage, { recursive: true, force: true })
    stop(`The dashboard could not be built (${failure}): see the errors above.`)
  }
  writeFileSync(join(freshPage, '.built-from'), state)
}

function swapPageIn() {
  swap(freshPage, join(root, 'dist', 'dashboard'))
}

async function build() {
  const state = sourceState()
  const fresh = join(root, 'dist.next')
  rmSync(fresh, { recursive: true, force: true })
  const tsc = join(root, 'node_modules', '.bin', 'tsc')
  const bundle = join(root, 'scripts', 'bundle.mjs')
  const failure =
    (await run([tsc, '-p', 'tsconfig.build.json', '--outDir', fresh])) || (await run([process.execPath, bundle, fresh]))
  if (failure) {
    rmSync(fresh, { recursive: true, force: true })
    stop(`The build failed (${failure}): see the errors above.`)
  }
  writeFileSync(join(fresh, '.built-from'), state)
  const page = join(root, 'dist', 'dashboard')
  if (existsSync(page)) cpSync(page, join(fresh, 'dashboard'), { recursive: true })
  swap(fresh, join(root, 'dist'))
}

/** Renames whole folders, so that a process which is just loading its files meets a complete set of them. */
function swap(fresh, place) {
  const old = join(root, 'dist.old')
  rmSync(old, { recursive: true, force: true })
  if (existsSync(place)) renameSync(place, old)
  renameSync(fresh, place)
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
