import { execFile } from 'node:child_process'
import { access, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { LaunchError } from '../../src/launch/launch-error.ts'
import type { Command } from './guarded-process.ts'

/** Programs of another Debian release, unpacked beside this machine's own and run with their own C library. */
export type UnpackedPackages = {
  /** Where a path of the package lies. */
  path: (inPackage: string) => string
  /** The folder of the packages' libraries. */
  libraries: string
  /** Runs one of their programs, by its name in /usr/bin. */
  command: (program: string, args: readonly string[]) => Command
}

export type Wanted = {
  /** As `sid` or `trixie`. */
  suite: string
  packages: readonly string[]
  /** Where they are unpacked, and found again the next time. */
  folder: string
  signal?: AbortSignal
}

const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg'

/**
 * Fetches packages of a Debian suite, and all that they depend on, from the mirror that this machine's apt uses, and unpacks
 * them. Any user may: nothing is installed, no script of a package is run. Throws LaunchError where there is no apt, or when it
 * fails, with what it said.
 */
export async function unpackPackages(wanted: Wanted): Promise<UnpackedPackages> {
  const { folder } = wanted
  const isThere = await access(folder).then(
    () => true,
    () => false,
  )
  if (!isThere) {
    await mkdir(dirname(folder), { recursive: true })
    const scratch = await mkdtemp(`${folder}-`)
    try {
      await fetchInto(scratch, wanted)
      await unpack(scratch)
      // Whole or not at all: a run that was interrupted begins anew.
      await rename(join(scratch, 'root'), folder)
    } catch (error) {
      throw new LaunchError(
        `Debian's packages ${wanted.packages.join(', ')} of ${wanted.suite}: ${complaintOf(error)}`,
        {
          cause: error,
        },
      )
    } finally {
      await rm(scratch, { recursive: true, force: true })
    }
  }
  return unpacked(folder)
}

async function fetchInto(scratch: string, { suite, packages, signal }: Wanted): Promise<void> {
  for (const name of ['state/lists/partial', 'cache/archives/partial', 'root']) {
    await mkdir(join(scratch, name), { recursive: true })
  }
  // Nothing is installed there yet, so everything down to the C library is fetched.
  await writeFile(join(scratch, 'status'), '')
  await writeFile(join(scratch, 'sources.list'), `deb [signed-by=${keyring}] ${await mirror()} ${suite} main\n`)
  const options = {
    'Dir::State': join(scratch, 'state'),
    'Dir::State::status': join(scratch, 'status'),
    'Dir::Cache': join(scratch, 'cache'),
    'Dir::Etc::sourcelist': join(scratch, 'sources.list'),
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::Etc::preferences': '/dev/null',
    'Dir::Etc::preferencesparts': '/dev/null',
    'APT::Install-Recommends': 'false',
    'APT::Sandbox::User': '',
    'Acquire::Languages': 'none',
    'Acquire::Retries': '3',
  }
  const words = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`])
  const apt = (...args: string[]) => run('apt-get', ['-q', '-y', ...words, ...args], signal)
  await apt('update')
  await apt('install', '--download-only', ...packages)
}

async function unpack(scratch: string): Promise<void> {
  const archives = join(scratch, 'cache', 'archives')
  for (const name of (await readdir(archives)).filter((one) => one.endsWith('.deb'))) {
    await run('dpkg-deb', ['--extract', join(archives, name), join(scratch, 'root')])
  }
}

/** Where this machine gets Debian's packages from. */
async function mirror(): Promise<string> {
  const known = await run('apt-get', [
    'indextargets',
    '--format',
    '$(ORIGIN)/$(LABEL) $(REPO_URI)',
    'Created-By: Packages',
  ])
  const line = known.split('\n').find((one) => one.startsWith('Debian/Debian '))
  if (line === undefined) throw new Error('apt has no list of Debian’s packages; run apt-get update')
  return line.slice('Debian/Debian '.length)
}

async function run(file: string, args: readonly string[], signal?: AbortSignal): Promise<string> {
  const options = { maxBuffer: 16 * 2 ** 20, ...(signal ? { signal } : {}) }
  return (await promisify(execFile)(file, args, options)).stdout
}

function complaintOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const stderr = 'stderr' in error ? String(error.stderr).trim() : ''
  return stderr.split('\n').slice(-5).join('\n') || error.message
}

async function unpacked(folder: string): Promise<UnpackedPackages> {
  const usrLib = join(folder, 'usr', 'lib')
  const triplet = (await readdir(usrLib)).find((name) => /^[\w]+-linux-gnu$/.test(name)) ?? ''
  const libraries = join(usrLib, triplet)
  const loader = (await readdir(libraries)).find((name) => /^ld-linux.*\.so\.\d$/.test(name))
  if (loader === undefined) throw new LaunchError(`There is no program loader in ${libraries}.`)
  const path = (inPackage: string): string => join(folder, inPackage)
  return {
    path,
    libraries,
    command: (program, args) => ({
      file: join(libraries, loader),
      args: ['--library-path', `${libraries}:${join(libraries, 'ceph')}`, path(join('usr/bin', program)), ...args],
    }),
  }
}
