import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { packageRoot } from '../package-root.ts'

/**
 * How far the system lets a conversion be cut off.
 * - `full`: no network, no sight of other processes, none of the data folder but its own scratch folder, which is at `/mnt`.
 * - `network`: no network.
 * - `none`: limits and an empty environment only.
 */
export type Isolation = {
  level: 'full' | 'network' | 'none'
  /** Where a child finds its scratch folder; undefined: where it lies. */
  root: string | undefined
  /** The command line around another one, for a scratch folder. */
  around: (folder: string) => string[]
}

/** Dies with the worker that started it, also when that is killed. */
const leash = ['setpriv', '--pdeathsig', 'KILL', '--']
const fullScript = `
mount --bind "$1" /mnt && mount -t tmpfs -o size=4k,mode=700 tmpfs "$2" && cd /mnt && shift 2 &&
exec setpriv --no-new-privs --bounding-set -all --inh-caps -all -- "$@"`

/** Finds by trying what this system allows. A child that is isolated can still run Node and read this package. */
export async function findIsolation(dataDir: string, scratchParent: string): Promise<Isolation> {
  const folder = await mkdtemp(join(scratchParent, 'probe-'))
  try {
    for (const isolation of candidates(dataDir)) {
      if (await works(isolation, folder)) return isolation
    }
    return plain([])
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function candidates(dataDir: string): Isolation[] {
  if (process.platform !== 'linux') return []
  // Only root may do this as it is; others become root of a namespace of their own, where the system allows that.
  const owner = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user']
  const alone = ['unshare', ...owner, '--net', '--ipc', '--pid', '--mount', '--fork', '--kill-child', '--mount-proc']
  const full = (folder: string) => [...leash, ...alone, '--', 'sh', '-c', fullScript, 'sh', folder, dataDir]
  const network = [...leash, 'unshare', ...owner, '--net', '--']
  return [
    { level: 'full', root: '/mnt', around: full },
    { level: 'network', root: undefined, around: () => network },
    plain(leash),
  ]
}

function plain(around: string[]): Isolation {
  return { level: 'none', root: undefined, around: () => around }
}

const probeTimeoutMs = 10_000

async function works(isolation: Isolation, folder: string): Promise<boolean> {
  // Without a script, Node answers ten times sooner, and is Node all the same.
  const check = '"$1" --version && cat -- "$2" && : > written'
  const inside = ['sh', '-c', check, 'sh', process.execPath, join(packageRoot(), 'package.json')]
  const [command = '', ...args] = [...isolation.around(folder), ...inside]
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: folder, stdio: 'ignore', timeout: probeTimeoutMs, killSignal: 'SIGKILL' })
    child.on('error', () => resolve(false))
    child.on('close', (code) => resolve(code === 0))
  })
}
