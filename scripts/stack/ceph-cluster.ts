import { execFile } from 'node:child_process'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type CephPlan, cephSettings } from './ceph-settings.ts'
import type { CephRelease } from './ceph-release.ts'
import { type GuardedProcess, startGuarded } from './guarded-process.ts'

const toolTimeoutMs = 60_000

/** The processes of a Ceph cluster of one node, with everything they keep in one folder. */
export class CephCluster {
  readonly #folder: string
  readonly #release: CephRelease
  readonly #daemons = new Map<string, GuardedProcess>()

  constructor(folder: string, release: CephRelease) {
    this.#folder = folder
    this.#release = release
  }

  /** Makes the cluster and starts all of it but the gateway. */
  async create(plan: CephPlan): Promise<void> {
    await writeFile(
      this.#path('ceph.conf'),
      cephSettings({ ...plan, settings: { ...this.#release.settings, ...plan.settings } }),
    )
    await writeFile(this.#path('keyring'), '')
    for (const name of ['mon', 'osd', 'rgw']) await mkdir(this.#path(name))
    const makeDisk = this.tool('ceph-osd', ['-i', '0', '--mkfs', '--no-mon-config', '--osd-uuid', plan.fsid])
    await Promise.all([this.#makeMonitor(plan), makeDisk])
    await this.start('ceph-mon', ['-i', 'a'])
    await this.start('ceph-osd', ['-i', '0'])
  }

  /** A monitor that knows of a disk from the beginning, so that nobody needs to tell it of one. */
  async #makeMonitor({ fsid, monitorPort }: CephPlan): Promise<void> {
    const [monitors, disks] = [this.#path('monmap'), this.#path('osdmap')]
    const address = `[v2:127.0.0.1:${monitorPort}]`
    await Promise.all([
      this.tool('monmaptool', ['--create', '--fsid', fsid, '--addv', 'a', address, monitors]),
      this.tool('osdmaptool', ['--createsimple', '1', disks]),
    ])
    await this.tool('ceph-mon', ['-i', 'a', '--mkfs', '--monmap', monitors, '--osdmap', disks])
  }

  /** Runs a tool to its end and answers what it printed. Fails with what it complained about, or after a minute. */
  async tool(program: string, args: readonly string[]): Promise<string> {
    const { file, args: words, env } = this.#command(program, args)
    const { stdout } = await promisify(execFile)(file, words, { env, timeout: toolTimeoutMs, killSignal: 'SIGKILL' })
    return stdout
  }

  /** Starts a daemon that runs until it is ended, or this process is. */
  async start(program: string, args: readonly string[]): Promise<void> {
    const command = this.#command(program, ['-f', ...args])
    this.#daemons.set(program, await startGuarded(command, this.#path(`${program}.out`)))
  }

  daemon(program: string): GuardedProcess {
    const daemon = this.#daemons.get(program)
    if (daemon === undefined) throw new Error(`${program} was never started`)
    return daemon
  }

  /** The last lines of what every program wrote. */
  async lastWords(): Promise<string> {
    const names = (await readdir(this.#folder)).filter((name) => /\.(log|out)$/.test(name))
    const ends = names.map(async (name) => {
      const lines = (await readFile(this.#path(name), 'utf8')).trimEnd().split('\n')
      return [`${name}:`, ...lines.slice(-8)].join('\n  ')
    })
    return (await Promise.all(ends)).join('\n')
  }

  /** Ends every process and removes everything. */
  async stop(): Promise<void> {
    // Nothing is worth keeping, so nobody needs to end in order.
    await Promise.all([...this.#daemons.values()].map((daemon) => daemon.end('SIGKILL')))
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 })
  }

  #path(name: string): string {
    return join(this.#folder, name)
  }

  #command(program: string, args: readonly string[]) {
    const { env, ...command } = this.#release.command(program, args)
    const own = { PATH: process.env['PATH'] ?? '', CEPH_CONF: this.#path('ceph.conf') }
    return { ...command, env: { ...own, ...env } }
  }
}
